/* Stands between a daemon and its disk: records, in order, every system call that changes files below a folder, and every
 * byte sent to a device; and makes calls fail as a disk would. Loaded with LD_PRELOAD.
 *
 * It does not replace functions of the C library, because a program can do without them. A seccomp filter turns the calls
 * in question into a signal, wherever they come from, and the signal's handler makes the call in their place. One lock
 * is held for a call and its entry, so the order of the entries is the order of the calls. A sync has two entries, its
 * beginning and its end, because others write meanwhile.
 *
 * RECORDER_LOG     the file that entries are appended to
 * RECORDER_ROOT    the folder whose files are recorded
 * RECORDER_CONTROL the file with the faults of the moment (struct faults); they concern RECORDER_FAULTS, a folder
 * RECORDER_SHADOW  the folder with what the disk holds of the files, where that is not what the page cache shows: a file
 *                  whose pages are dropped (POSIX_FADV_DONTNEED) gets its content from there. Optional.
 *
 * Syncs are not passed on to the real disk: what is durable is decided by those who read the entries. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

/* The one place from which the filter lets the calls pass. */
__asm__(".text\n"
        ".type call_through, @function\n"
        "call_through:\n"
        "  mov %rdi, %rax\n  mov %rsi, %rdi\n  mov %rdx, %rsi\n  mov %rcx, %rdx\n  mov %r8, %r10\n  mov %r9, %r8\n"
        "  mov 8(%rsp), %r9\n  syscall\n"
        "behind_call:\n  ret\n");
extern long call_through(long number, long a, long b, long c, long d, long e, long f) __attribute__((visibility("hidden")));
extern char behind_call[] __attribute__((visibility("hidden")));

/* Keep in step with `Op` in log.rs. */
enum op {
    OPEN = 1, CLOSE, DUPLICATE, WRITE, TRUNCATE, ALLOCATE, RENAME, UNLINK, MKDIR, LINK, SYNC_BEGIN, SYNC_END, SENT,
    UNKNOWN,
};

struct entry {
    uint32_t length;
    uint32_t op;
    int64_t a, b, c;
};

/* The faults of the moment; an errno of 0 is no fault. Keep in step with `Faults` in faults.rs. */
struct faults {
    /* Of writes; ENOSPC concerns only those that need new space. */
    volatile int32_t write;
    /* Of opening files in order to write to them, and of new names. */
    volatile int32_t create;
    /* Of the next syncs, so many, after those that are let pass. */
    volatile int32_t sync, sync_passes, sync_fails;
    volatile int32_t sync_milliseconds;
    /* Free space as the disk reports it, in KiB; negative for the truth. */
    volatile int32_t free_kib;
};

enum { DESCRIPTORS = 65536 };
enum kind { NOTHING = 0, RECORDED = 1, SOCKET = 2, FAULTY = 4 };

static unsigned char kinds[DESCRIPTORS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int log_file = -1;
static const char *root, *fault_root, *shadow;
static struct faults none = {.free_kib = -1}, *faults = &none;
static int64_t syncs;

static long raw(long number, long a, long b, long c, long d, long e, long f) {
    return call_through(number, a, b, c, d, e, f);
}

static void write_all(const void *bytes, size_t length) {
    const char *at = bytes;
    while (length > 0) {
        long written = raw(SYS_write, log_file, (long)at, (long)length, 0, 0, 0);
        if (written == -EINTR) continue;
        if (written <= 0) abort();
        at += written;
        length -= (size_t)written;
    }
}

static void note(enum op op, int64_t a, int64_t b, int64_t c, const void *bytes, size_t length) {
    struct entry entry = {(uint32_t)length, op, a, b, c};
    write_all(&entry, sizeof entry);
    write_all(bytes, length);
}

static int is_below(const char *path, const char *folder) {
    size_t length = folder ? strlen(folder) : 0;
    return length > 0 && strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int kind_of(long fd) { return fd >= 0 && fd < DESCRIPTORS ? kinds[fd] : NOTHING; }

static void set_kind(long fd, int kind) {
    if (fd >= 0 && fd < DESCRIPTORS) kinds[fd] = (unsigned char)kind;
}

/* What a name is of. */
static int kind_of_name(long folder, const char *path) {
    if (path[0] != '/') return folder == AT_FDCWD ? NOTHING : kind_of(folder) & ~SOCKET;
    return (is_below(path, root) ? RECORDED : NOTHING) | (is_below(path, fault_root) ? FAULTY : NOTHING);
}

static int64_t size_of(long fd) {
    struct stat status;
    return raw(SYS_fstat, fd, (long)&status, 0, 0, 0, 0) == 0 ? status.st_size : 0;
}

/* Gives a file the content that the disk holds. */
static void drop_pages(long fd) {
    char link[64], path[4096], other[8192];
    snprintf(link, sizeof link, "/proc/self/fd/%ld", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return;
    path[length] = 0;
    if (!is_below(path, root)) return;
    snprintf(other, sizeof other, "%s%s", shadow, path + strlen(root));
    long from = raw(SYS_openat, AT_FDCWD, (long)other, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (from < 0) return;
    long to = raw(SYS_openat, AT_FDCWD, (long)path, O_WRONLY | O_CLOEXEC, 0, 0, 0);
    if (to >= 0) {
        static char bytes[1 << 16];
        int64_t offset = 0;
        for (long count; (count = raw(SYS_pread64, from, (long)bytes, sizeof bytes, offset, 0, 0)) > 0; offset += count)
            raw(SYS_pwrite64, to, (long)bytes, count, offset, 0, 0);
        raw(SYS_ftruncate, to, size_of(from), 0, 0, 0, 0);
        raw(SYS_close, to, 0, 0, 0, 0, 0);
    }
    raw(SYS_close, from, 0, 0, 0, 0, 0);
}

static long open_file(long folder, const char *path, long flags, long mode) {
    int kind = kind_of_name(folder, path);
    if (kind & FAULTY && faults->create && flags & (O_CREAT | O_WRONLY | O_RDWR)) {
        int is_there = raw(SYS_faccessat, folder, (long)path, F_OK, 0, 0, 0) == 0;
        if (faults->create != ENOSPC || !is_there) return -faults->create;
    }
    long fd = raw(SYS_openat, folder, (long)path, flags, mode, 0, 0);
    if (fd >= 0) {
        set_kind(fd, kind);
        if (kind & RECORDED) note(OPEN, fd, flags, folder, path, strlen(path));
    }
    return fd;
}

static long write_vector(long number, long fd, const struct iovec *parts, long count, int64_t offset, long flags) {
    int kind = kind_of(fd);
    int64_t length = 0;
    for (long i = 0; i < count; i++) length += (int64_t)parts[i].iov_len;
    int is_positioned = number == SYS_pwritev || number == SYS_pwritev2;
    if (kind & (RECORDED | FAULTY) && !is_positioned) {
        long status = raw(SYS_fcntl, fd, F_GETFL, 0, 0, 0, 0);
        offset = status >= 0 && status & O_APPEND ? size_of(fd) : raw(SYS_lseek, fd, 0, SEEK_CUR, 0, 0, 0);
    }
    if (kind & FAULTY && faults->write && (faults->write != ENOSPC || offset + length > size_of(fd)))
        return -faults->write;
    long written = is_positioned ? raw(number, fd, (long)parts, count, offset, 0, flags)
                                 : raw(SYS_writev, fd, (long)parts, count, 0, 0, 0);
    if (written > 0 && kind & (RECORDED | SOCKET)) {
        /* A socket's bytes are noted when they are sent: the lock is held. */
        struct entry entry = {(uint32_t)written, kind & SOCKET ? SENT : WRITE, fd, offset, 0};
        write_all(&entry, sizeof entry);
        int64_t left = written;
        for (long i = 0; i < count && left > 0; i++) {
            int64_t part = (int64_t)parts[i].iov_len < left ? (int64_t)parts[i].iov_len : left;
            write_all(parts[i].iov_base, (size_t)part);
            left -= part;
        }
    }
    return written;
}

static long sync_file(long fd, long kind) {
    int64_t number = ++syncs;
    note(SYNC_BEGIN, fd, kind, number, NULL, 0);
    long result = 0;
    if (kind_of(fd) & FAULTY && faults->sync) {
        if (faults->sync_passes > 0) faults->sync_passes--;
        else if (faults->sync_fails > 0) { faults->sync_fails--; result = -faults->sync; }
    }
    int32_t wait = kind_of(fd) & FAULTY ? faults->sync_milliseconds : 0;
    if (wait > 0) {
        pthread_mutex_unlock(&lock);
        struct timespec time = {wait / 1000, wait % 1000 * 1000000L};
        nanosleep(&time, NULL);
        pthread_mutex_lock(&lock);
    }
    note(SYNC_END, fd, result, number, NULL, 0);
    return result;
}

static long change_name(enum op op, long number, long folder, const char *path, long other_folder, const char *other,
                        long last) {
    int kind = kind_of_name(folder, path) | (other ? kind_of_name(other_folder, other) : NOTHING);
    if (kind & FAULTY && faults->create && op != UNLINK) return -faults->create;
    long result = other ? raw(number, folder, (long)path, other_folder, (long)other, last, 0)
                        : raw(number, folder, (long)path, last, 0, 0, 0);
    if (result == 0 && kind & RECORDED) {
        char both[8192];
        size_t first = strlen(path), second = other ? strlen(other) : 0;
        if (first + second + 1 > sizeof both) abort();
        memcpy(both, path, first);
        both[first] = 0;
        if (other) memcpy(both + first + 1, other, second);
        note(op, folder, other ? other_folder : last, 0, both, other ? first + 1 + second : first);
    }
    return result;
}

static long duplicate(long old, long new) {
    if (new >= 0) {
        set_kind(new, kind_of(old));
        if (kind_of(old) & RECORDED) note(DUPLICATE, old, new, 0, NULL, 0);
    }
    return new;
}

static long call(long number, long a, long b, long c, long d, long e, long f) {
    struct iovec one = {(void *)b, (size_t)c};
    switch (number) {
    case SYS_open: return open_file(AT_FDCWD, (const char *)a, b, c);
    case SYS_creat: return open_file(AT_FDCWD, (const char *)a, O_CREAT | O_WRONLY | O_TRUNC, b);
    case SYS_openat: return open_file(a, (const char *)b, c, d);
    case SYS_close:
        if (kind_of(a) & RECORDED) note(CLOSE, a, 0, 0, NULL, 0);
        set_kind(a, NOTHING);
        return raw(number, a, b, c, d, e, f);
    case SYS_dup: case SYS_dup2: case SYS_dup3: return duplicate(a, raw(number, a, b, c, d, e, f));
    case SYS_fcntl: {
        long result = raw(number, a, b, c, d, e, f);
        return b == F_DUPFD || b == F_DUPFD_CLOEXEC ? duplicate(a, result) : result;
    }
    case SYS_accept: case SYS_accept4: {
        long fd = raw(number, a, b, c, d, e, f);
        if (fd >= 0) set_kind(fd, SOCKET);
        return fd;
    }
    case SYS_sendto: {
        long sent = raw(number, a, b, c, d, e, f);
        if (sent > 0 && kind_of(a) == SOCKET) note(SENT, a, 0, 0, (void *)b, (size_t)sent);
        return sent;
    }
    case SYS_sendmsg: {
        const struct msghdr *message = (const struct msghdr *)b;
        if (kind_of(a) != SOCKET) return raw(number, a, b, c, d, e, f);
        return write_vector(SYS_writev, a, message->msg_iov, (long)message->msg_iovlen, 0, 0);
    }
    case SYS_write: return write_vector(SYS_writev, a, &one, 1, 0, 0);
    case SYS_writev: return write_vector(number, a, (const struct iovec *)b, c, 0, 0);
    case SYS_pwrite64: return write_vector(SYS_pwritev, a, &one, 1, d, 0);
    case SYS_pwritev: return write_vector(number, a, (const struct iovec *)b, c, d, 0);
    case SYS_pwritev2: return write_vector(number, a, (const struct iovec *)b, c, d, f);
    case SYS_ftruncate: {
        if (kind_of(a) & FAULTY && faults->write && (faults->write != ENOSPC || b > size_of(a))) return -faults->write;
        long result = raw(number, a, b, c, d, e, f);
        if (result == 0 && kind_of(a) & RECORDED) note(TRUNCATE, a, b, 0, NULL, 0);
        return result;
    }
    case SYS_fallocate: {
        if (kind_of(a) & FAULTY && faults->write) return -faults->write;
        long result = raw(number, a, b, c, d, e, f);
        if (result == 0 && kind_of(a) & RECORDED) note(ALLOCATE, a, b, c, &d, sizeof d);
        return result;
    }
    case SYS_rename: return change_name(RENAME, SYS_renameat2, AT_FDCWD, (const char *)a, AT_FDCWD, (const char *)b, 0);
    case SYS_renameat: return change_name(RENAME, SYS_renameat2, a, (const char *)b, c, (const char *)d, 0);
    case SYS_renameat2: return change_name(RENAME, SYS_renameat2, a, (const char *)b, c, (const char *)d, e);
    case SYS_link: return change_name(LINK, SYS_linkat, AT_FDCWD, (const char *)a, AT_FDCWD, (const char *)b, 0);
    case SYS_linkat: return change_name(LINK, SYS_linkat, a, (const char *)b, c, (const char *)d, e);
    case SYS_unlink: return change_name(UNLINK, SYS_unlinkat, AT_FDCWD, (const char *)a, 0, NULL, 0);
    case SYS_rmdir: return change_name(UNLINK, SYS_unlinkat, AT_FDCWD, (const char *)a, 0, NULL, AT_REMOVEDIR);
    case SYS_unlinkat: return change_name(UNLINK, SYS_unlinkat, a, (const char *)b, 0, NULL, c);
    case SYS_mkdir: return change_name(MKDIR, SYS_mkdirat, AT_FDCWD, (const char *)a, 0, NULL, b);
    case SYS_mkdirat: return change_name(MKDIR, SYS_mkdirat, a, (const char *)b, 0, NULL, c);
    case SYS_fsync: return kind_of(a) & RECORDED ? sync_file(a, 0) : raw(number, a, b, c, d, e, f);
    case SYS_fdatasync: return kind_of(a) & RECORDED ? sync_file(a, 1) : raw(number, a, b, c, d, e, f);
    case SYS_syncfs: return kind_of(a) & RECORDED ? sync_file(a, 2) : raw(number, a, b, c, d, e, f);
    /* It starts to write, and promises nothing: no entry. */
    case SYS_sync_file_range: return kind_of(a) & RECORDED ? 0 : raw(number, a, b, c, d, e, f);
    case SYS_fadvise64:
        if (d == POSIX_FADV_DONTNEED && kind_of(a) & RECORDED && shadow) drop_pages(a);
        return raw(number, a, b, c, d, e, f);
    case SYS_statfs: case SYS_fstatfs: {
        long result = raw(number, a, b, c, d, e, f);
        int is_ours = number == SYS_statfs ? kind_of_name(AT_FDCWD, (const char *)a) : kind_of(a);
        struct statfs *found = (struct statfs *)b;
        if (result == 0 && is_ours & FAULTY && faults->free_kib >= 0)
            found->f_bavail = found->f_bfree = (uint64_t)faults->free_kib * 1024 / (uint64_t)found->f_bsize;
        return result;
    }
    /* Copies within the kernel: callers fall back on reading and writing. */
    case SYS_copy_file_range: return -ENOSYS;
    case SYS_sendfile: case SYS_splice: return -EINVAL;
    case SYS_openat2: return -ENOSYS;
    /* Writes that no call would show. */
    case SYS_mmap: if (!(kind_of(e) & RECORDED && c & PROT_WRITE)) return raw(number, a, b, c, d, e, f); break;
    case SYS_io_uring_setup: break;
    default: break;
    }
    char text[64];
    int length = snprintf(text, sizeof text, "system call %ld", number);
    note(UNKNOWN, number, 0, 0, text, (size_t)length);
    return raw(number, a, b, c, d, e, f);
}

static void on_signal(int signal, siginfo_t *info, void *context) {
    (void)signal;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    pthread_mutex_lock(&lock);
    registers[REG_RAX] = call(info->si_syscall, registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                              registers[REG_R10], registers[REG_R8], registers[REG_R9]);
    pthread_mutex_unlock(&lock);
}

static void filter_calls(void) {
    static const int calls[] = {
        SYS_open, SYS_creat, SYS_openat, SYS_openat2, SYS_close, SYS_dup, SYS_dup2, SYS_dup3, SYS_fcntl, SYS_accept,
        SYS_accept4, SYS_sendto, SYS_sendmsg, SYS_write, SYS_writev, SYS_pwrite64, SYS_pwritev, SYS_pwritev2,
        SYS_ftruncate, SYS_fallocate, SYS_rename, SYS_renameat, SYS_renameat2, SYS_link, SYS_linkat, SYS_unlink,
        SYS_rmdir, SYS_unlinkat, SYS_mkdir, SYS_mkdirat, SYS_fsync, SYS_fdatasync, SYS_syncfs, SYS_sync_file_range,
        SYS_fadvise64, SYS_statfs, SYS_fstatfs, SYS_copy_file_range, SYS_sendfile, SYS_splice, SYS_io_uring_setup,
    };
    enum { COUNT = sizeof calls / sizeof calls[0] };
    static struct sock_filter filter[COUNT + 16];
    uint64_t place = (uint64_t)behind_call;
    int n = 0;
    /* Calls from call_through pass. */
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer));
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)place, 0, 3);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4);
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(place >> 32), 0, 1);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    /* Of mappings, those that are shared. */
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3]));
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_SHARED, COUNT + 2, 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    for (int i = 0; i < COUNT; i++)
        filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], (uint8_t)(COUNT - i), 0);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    struct sock_fprog program = {(unsigned short)n, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("the recorder cannot filter system calls");
        _exit(99);
    }
}

__attribute__((constructor)) static void begin(void) {
    const char *log = getenv("RECORDER_LOG"), *control = getenv("RECORDER_CONTROL");
    root = getenv("RECORDER_ROOT");
    fault_root = getenv("RECORDER_FAULTS");
    shadow = getenv("RECORDER_SHADOW");
    if (!log || !root) return;
    log_file = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    /* A number that no file of the daemon gets. */
    int high = fcntl(log_file, F_DUPFD_CLOEXEC, 900);
    if (log_file < 0 || high < 0) _exit(98);
    close(log_file);
    log_file = high;
    if (control) {
        int file = open(control, O_RDWR | O_CLOEXEC);
        void *mapped = mmap(NULL, sizeof *faults, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        if (file < 0 || mapped == MAP_FAILED) _exit(97);
        close(file);
        faults = mapped;
    }
    struct sigaction action = {0};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_NODEFER;
    sigfillset(&action.sa_mask);
    sigdelset(&action.sa_mask, SIGSYS);
    sigaction(SIGSYS, &action, NULL);
    filter_calls();
}
