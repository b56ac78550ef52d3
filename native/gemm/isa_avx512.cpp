#define ISA_NAME "avx512"
#define ISA_FUNCTION kernels_avx512
#define ISA_LANES 16
#define ISA_MR 12
#include "gemm/kernels.inc"
