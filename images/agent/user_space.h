/* What programs of a distribution expect, which those of the lab do without. */
#ifndef OOMLAB_USER_SPACE_H
#define OOMLAB_USER_SPACE_H

/* Mounts /sys and a temporary file system, and makes device nodes: the kernel may have no devtmpfs. */
void user_space_prepare(void);

#endif
