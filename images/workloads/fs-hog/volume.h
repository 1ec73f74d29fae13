/* The file system that the lab has made on the disk, mounted in one of several ways. */
#ifndef OOMLAB_VOLUME_H
#define OOMLAB_VOLUME_H

#define VOLUME "/volume"

/* Mounts it on VOLUME. `on` is `disk`, `loop` or `dm-crypt`. NULL, or why not. */
const char *volume_mount(const char *fs, const char *on);

#endif
