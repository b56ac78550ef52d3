#define ISA_NAME "neon"
#define ISA_FUNCTION kernels_neon
#define ISA_LANES 4
#define ISA_MR 12
#include "gemm/kernels.inc"
