/* Fault injection into allocations (Documentation/fault-injection/fault-injection.rst). */
#ifndef OOMLAB_FAULTS_H
#define OOMLAB_FAULTS_H

/* Configures fail_page_alloc and failslab by the variables `oomlab_fault_page_alloc` and `oomlab_fault_slab`, in percent,
 * for tasks that workload_faults() marks. NULL on success or without such a variable, or one word for what is missing. */
const char *faults_configure(char **envp);

#endif
