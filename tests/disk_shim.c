/*
 * A disk that misbehaves on command: preloaded into a program, it delays and fails what the program
 * asks of the files whose path contains DISK_FAULTS_MARKER. Commands are files in DISK_FAULTS_DIR:
 *
 *   hold   while another process has it locked, fsync and fdatasync wait; each says so first by a
 *          datagram to the socket "held"
 *   fail   while it exists, fsync and fdatasync fail with EIO
 *   full   while it exists, everything that writes or grows a file fails with ENOSPC, also over
 *          bytes that are there, as on file systems that copy on write
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define PATH_LEN 4096

/* Calls the function of the same name that comes after this file. */
#define NEXT(name, type) ((type)dlsym(RTLD_NEXT, name))

static int is_marked(int fd)
{
    const char *marker = getenv("DISK_FAULTS_MARKER");
    char link[64], path[PATH_LEN];
    ssize_t len;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    len = readlink(link, path, sizeof path - 1);
    if (len < 0 || marker == NULL)
        return 0;
    path[len] = '\0';
    return strstr(path, marker) != NULL;
}

static int control(const char *name, char *path)
{
    const char *dir = getenv("DISK_FAULTS_DIR");

    if (dir == NULL)
        return 0;
    return snprintf(path, PATH_LEN, "%s/%s", dir, name) < PATH_LEN;
}

static int is_on(const char *name)
{
    char path[PATH_LEN];

    return control(name, path) && access(path, F_OK) == 0;
}

static void tell_held(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char path[PATH_LEN];
    int fd;

    if (!control("held", path) || strlen(path) >= sizeof to.sun_path)
        return;
    strcpy(to.sun_path, path);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    sendto(fd, "h", 1, 0, (struct sockaddr *)&to, sizeof to);
    close(fd);
}

static void wait_while_held(void)
{
    char path[PATH_LEN];
    int fd;

    if (!control("hold", path))
        return;
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return;
    if (flock(fd, LOCK_SH | LOCK_NB) != 0) {
        tell_held();
        while (flock(fd, LOCK_SH) != 0 && errno == EINTR)
            ;
    }
    close(fd);
}

static int sync_fails(int fd)
{
    if (!is_marked(fd))
        return 0;
    wait_while_held();
    if (!is_on("fail"))
        return 0;
    errno = EIO;
    return 1;
}

static int write_fails(int fd)
{
    if (!is_marked(fd) || !is_on("full"))
        return 0;
    errno = ENOSPC;
    return 1;
}

int fsync(int fd)
{
    return sync_fails(fd) ? -1 : NEXT("fsync", int (*)(int))(fd);
}

int fdatasync(int fd)
{
    return sync_fails(fd) ? -1 : NEXT("fdatasync", int (*)(int))(fd);
}

ssize_t write(int fd, const void *bytes, size_t len)
{
    return write_fails(fd) ? -1 : NEXT("write", ssize_t (*)(int, const void *, size_t))(fd, bytes, len);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
    return write_fails(fd) ? -1 : NEXT("writev", ssize_t (*)(int, const struct iovec *, int))(fd, parts, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    return write_fails(fd) ? -1 : NEXT("pwrite", ssize_t (*)(int, const void *, size_t, off_t))(fd, bytes, len, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at)
{
    return write_fails(fd) ? -1 : NEXT("pwrite64", ssize_t (*)(int, const void *, size_t, off64_t))(fd, bytes, len, at);
}

/* Giving room back always works; growing does not. */
static int grows(int fd, off64_t len)
{
    off64_t at = lseek64(fd, 0, SEEK_CUR), end = lseek64(fd, 0, SEEK_END);

    lseek64(fd, at, SEEK_SET);
    return len > end;
}

int ftruncate(int fd, off_t len)
{
    return grows(fd, len) && write_fails(fd) ? -1 : NEXT("ftruncate", int (*)(int, off_t))(fd, len);
}

int ftruncate64(int fd, off64_t len)
{
    return grows(fd, len) && write_fails(fd) ? -1 : NEXT("ftruncate64", int (*)(int, off64_t))(fd, len);
}

int fallocate(int fd, int mode, off_t at, off_t len)
{
    return write_fails(fd) ? -1 : NEXT("fallocate", int (*)(int, int, off_t, off_t))(fd, mode, at, len);
}

int fallocate64(int fd, int mode, off64_t at, off64_t len)
{
    return write_fails(fd) ? -1 : NEXT("fallocate64", int (*)(int, int, off64_t, off64_t))(fd, mode, at, len);
}

/* These answer with the error itself. */
int posix_fallocate(int fd, off_t at, off_t len)
{
    return write_fails(fd) ? ENOSPC : NEXT("posix_fallocate", int (*)(int, off_t, off_t))(fd, at, len);
}

int posix_fallocate64(int fd, off64_t at, off64_t len)
{
    return write_fails(fd) ? ENOSPC : NEXT("posix_fallocate64", int (*)(int, off64_t, off64_t))(fd, at, len);
}
