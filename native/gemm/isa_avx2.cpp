#define ISA_NAME "avx2"
#define ISA_FUNCTION kernels_avx2
#define ISA_LANES 8
#define ISA_MR 6
#include "gemm/kernels.inc"
