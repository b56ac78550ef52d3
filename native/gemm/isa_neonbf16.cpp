#define ISA_NAME "neonbf16"
#define ISA_FUNCTION kernels_neonbf16
#define ISA_LANES 4
#define ISA_MR 12
#include "gemm/kernels.inc"
