#define ISA_NAME "generic"
#define ISA_FUNCTION kernels_generic
#define ISA_LANES 4
#define ISA_MR 4
#include "gemm/kernels.inc"
