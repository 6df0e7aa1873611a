/*
 * A system that has no file to spare on command: preloaded into a program, it fails accept4 with
 * ENFILE while the file ACCEPT_FAULTS exists, which gets a byte longer each time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int accept4(int listener, struct sockaddr *peer, socklen_t *len, int flags)
{
    int (*next)(int, struct sockaddr *, socklen_t *, int);
    const char *path = getenv("ACCEPT_FAULTS");
    int faults = path == NULL ? -1 : open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    ssize_t written;

    if (faults < 0) {
        next = (int (*)(int, struct sockaddr *, socklen_t *, int))dlsym(RTLD_NEXT, "accept4");
        return next(listener, peer, len, flags);
    }
    written = write(faults, "f", 1);
    close(faults);
    errno = written == 1 ? ENFILE : EIO;
    return -1;
}
