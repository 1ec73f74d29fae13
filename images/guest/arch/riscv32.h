/* 32-bit RISC-V. */

#define REG_L "lw"
#define REG_S "sw"
#define SZREG "4"

#include "riscv.h"
