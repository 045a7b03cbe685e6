/* initrd: archives that a guest's kernel unpacks as its root file system.
 *
 * The format is newc cpio (Documentation/driver-api/early-userspace/buffer-format.rst) in one gzip
 * member (RFC 1952) without name or time. Entries are sorted, inode numbers count up, owner is
 * root and times are 0: the output depends on nothing but paths, modes, contents and level, not on
 * the order of the calls, the machine or its number of processors.
 *
 * The guest is laid out like Debian: /bin, /sbin, /lib and /lib64 are links to usr/…, /var/run is
 * one to /run. The base layer makes these links, and every archive puts what is added below them
 * where they lead, so that no later layer unpacks a directory over a link.
 *
 * Guest paths are absolute, without "..", and shorter than PATH_MAX. Missing parents are made:
 * with mode 0755, except the few (/tmp, /root …) that every system has with another mode. A parent
 * that is a link in this archive is followed. Adding the same thing twice is fine; two different
 * things at one path are EEXIST, with both origins in the message. In another archive that is
 * unpacked later the same path replaces the earlier (init/initramfs.c in the kernel).
 *
 * Contents are read when the archive is written; a file that is not then what it was when it was
 * added is ESTALE. After a failed add the archive may hold a part of it: free it. No function here
 * is safe to call for one `struct initrd` from two threads. */
#ifndef DUET_INITRD_H
#define DUET_INITRD_H

#include "base/digest.h"
#include "base/error.h"

#include <stddef.h>
#include <sys/types.h>

struct initrd; /* an archive being put together */

enum {
    INITRD_LEVEL_STORED = 0, /* gzip without compression: quickest to make and to unpack */
    INITRD_LEVEL_FAST = 1,
    INITRD_LEVEL_SMALL = 9,
};

struct initrd *initrd_new(void);
/* NULL is fine. */
void initrd_free(struct initrd *initrd);

/* `mode` is the permission bits (07777). */
int initrd_add_directory(struct initrd *initrd, const char *guest_path, mode_t mode,
                         struct error *error);
/* Copies `count` bytes. */
int initrd_add_bytes(struct initrd *initrd, const char *guest_path, const void *bytes, size_t count,
                     mode_t mode, struct error *error);
/* A regular file of the host, links followed, with its mode (setuid bits too). Errors: what stat
 * and open give; EISDIR, EINVAL for what is not a regular file; EFBIG from 4 GiB on. */
int initrd_add_file(struct initrd *initrd, const char *host_path, const char *guest_path,
                    struct error *error);
int initrd_add_symlink(struct initrd *initrd, const char *guest_path, const char *target,
                       struct error *error);
/* `mode` is S_IFCHR, S_IFBLK, S_IFIFO or S_IFSOCK with permission bits; `device` from makedev(3).
 */
int initrd_add_node(struct initrd *initrd, const char *guest_path, mode_t mode, dev_t device,
                    struct error *error);

enum initrd_tree_flags {
    INITRD_TREE_PLAIN = 0,
    /* Executable files and shared libraries also bring what initrd_add_program says. Those that are
     * for another machine, or need what is not there, are copied as they are: a tree may well hold
     * some that nobody starts. */
    INITRD_TREE_PROGRAMS = 1,
};

/* All that is in `host_dir`, at `guest_dir`: modes, links (as links) and special files are kept. */
int initrd_add_tree(struct initrd *initrd, const char *host_dir, const char *guest_dir, int flags,
                    struct error *error);

/* A program of the host with all it needs to start in the guest.
 *
 * ELF: PT_INTERP and every DT_NEEDED, and theirs in turn, looked for as ld.so(8) does without
 * LD_LIBRARY_PATH and ld.so.cache: DT_RPATH, DT_RUNPATH, the directories of /etc/ld.so.conf, the
 * defaults; candidates for another machine are passed over, glibc-hwcaps variants are not used. A
 * library of a directory that only ld.so.conf knows goes to a default directory of the guest,
 * which has no ld.so.cache. What a program opens with dlopen(3) is not known, except libgcc_s.so.1
 * which glibc opens to end threads.
 * Script: its interpreter, at the path in its first line; with /usr/bin/env also the program that
 * env would find in /usr/local/{sbin,bin}, /usr/{sbin,bin}, /{sbin,bin}.
 * Anything else is copied as data, and so is an ELF file that is not a program (ET_REL, ET_CORE).
 *
 * A link at `host_path` is followed and its target's content placed at `guest_path`; $ORIGIN is the
 * directory of the target on the host and of `guest_path` in the guest.
 *
 * Errors: as initrd_add_file; ENOEXEC for another machine or a damaged ELF file; ELIBACC for a
 * library or an interpreter that is not there; ELOOP for a chain of interpreters that is longer
 * than the kernel follows. */
int initrd_add_program(struct initrd *initrd, const char *host_path, const char *guest_path,
                       struct error *error);

/* The modules `names` ('-' and '_' are the same) and all they depend on, soft "pre" dependencies
 * included, from <module_root>/{lib,usr/lib}/modules/<release>, whether depmod has run or not.
 * Those that modules.builtin lists are skipped. Modules in .gz are unpacked; .xz and .zst are
 * ENOTSUP.
 *
 * In the guest: the files in /lib/modules/<release>, modules.dep and an empty modules.alias and
 * modules.symbols for modprobe, and /etc/duet/modules, one absolute path per line in the order to
 * load them. Later calls add to the same lists. Errors: ENOENT for a module that is not there, with
 * the nearest name that is. */
int initrd_add_modules(struct initrd *initrd, const char *module_root, const char *release,
                       const char *const names[], size_t count, struct error *error);
/* As initrd_add_modules, and a module that is not there is passed over. */
int initrd_add_optional_modules(struct initrd *initrd, const char *module_root, const char *release,
                                const char *const names[], size_t count, struct error *error);

/* SHA-256 of what the archive holds, whatever the level; reads every file. */
int initrd_digest(struct initrd *initrd, char hex[static DIGEST_HEX_SIZE], struct error *error);

/* Writes the archive: `path` has it whole or is what it was, also after SIGKILL or with a full
 * disk. `level` is zlib's, 0 to 9. Uses as many threads as the process may run on, 4 at most. */
int initrd_write(struct initrd *initrd, const char *path, int level, struct error *error);

/* Writes the archive to <cache_dir>/initrd/<hash>.cpio.gz unless it is there, where <hash> is of
 * contents and level. Two processes that want the same archive build it once. The caller frees
 * *path; `hex` may be NULL. */
int initrd_write_cached(struct initrd *initrd, const char *cache_dir, int level, char **path,
                        char *hex, struct error *error);

/* Puts archives one behind the other, which the kernel unpacks in this order; each must be a gzip
 * file. Atomic, as initrd_write. */
int initrd_concatenate(const char *const paths[], size_t count, const char *out_path,
                       struct error *error);

/* Has a program of this archive in a directory of the guest's PATH run wherever its name is looked
 * up: where the base layer has an applet of busybox at the same name in another of these
 * directories, this archive gets a link there to the program. Call it after the last add. */
int initrd_replace_applets(struct initrd *initrd, struct error *error);

/* The host's busybox for the guests; the caller frees *path. Errors: ENOENT without one, naming its
 * package; ENOTSUP for one that runs its own applets in place of programs with their names
 * (FEATURE_PREFER_APPLETS, as Debian's busybox-static does), since a suite's program would not be
 * the one that runs. */
int initrd_find_busybox(char **path, struct error *error);

struct initrd_base_options {
    const char *module_root; /* holds lib/modules/<release> or usr/lib/modules/<release> */
    const char *release;     /* as uname -r in the guest; NULL: no modules */
    const char *const *modules;
    size_t module_count;
    const char *const *optional_modules; /* passed over where missing */
    size_t optional_module_count;
    const char *cache_dir; /* as fs_cache_dir gives */
    int level;
};

/* The layer under every other: duet's PID 1 as /init (and /sbin/init), the host's busybox with a
 * link for each applet, modules, the usual directories, /dev/console, /dev/null and the few files
 * of /etc without which libc and common programs are lost. Built once, then taken from the cache.
 * The caller frees *path. `hex` receives the hash in its name; NULL is fine.
 * Errors: as initrd_find_busybox, initrd_add_modules and initrd_write_cached. */
int initrd_base(const struct initrd_base_options *options, char **path, char *hex,
                struct error *error);

/* duet's PID 1, a static program; part of this program's text, not to be freed. */
const void *initrd_init_image(size_t *size);

#endif
