/* 64-bit RISC-V. */

#define REG_L "ld"
#define REG_S "sd"
#define SZREG "8"

#include "riscv.h"
