/* Clocks that a test sets, preloaded into a supervisor and into the tools that ask it.
 *   CLOCK_OFFSET  a file with the number of seconds by which the wall clock is off
 *   CLOCK_FAULT   a file with a number: so many times init asks the other clock, and the last time it fails. If the
 *                 file says "again" too, it fails once more the next time */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long number_in(const char *path, int *again) {
    char text[32] = "";
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file == -1)
        return 0;
    if (read(file, text, sizeof text - 1) < 0)
        text[0] = 0;
    close(file);
    *again = strstr(text, "again") != NULL;
    return atol(text);
}

static int fails(void) {
    static long left;
    static int again;
    const char *path = getenv("CLOCK_FAULT");
    if (strcmp(program_invocation_short_name, "init") != 0)
        return 0;
    if (left == 0 && again) {
        again = 0;
        return 1;
    }
    if (left == 0 && (left = number_in(path, &again)) > 0)
        unlink(path);
    return left > 0 && --left == 0;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (clock == CLOCK_MONOTONIC && fails()) {
        errno = EINVAL;
        return -1;
    }
    int unused;
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += number_in(getenv("CLOCK_OFFSET"), &unused);
    return result;
}
