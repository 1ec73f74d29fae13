/* Allocations that the kernel is told to fail (Documentation/fault-injection/fault-injection.rst). */
#ifndef OOMLAB_FAULTS_H
#define OOMLAB_FAULTS_H

/* Arms what the words `oomlab_fault_page_alloc=` and `oomlab_fault_slab=` ask for, in percent, for tasks that
 * workload_faults() marks. NULL when that was done or nothing is asked for, or a word that says what is missing. */
const char *faults_arm(char **environment);

#endif
