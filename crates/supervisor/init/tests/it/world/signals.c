/* Prints the number of each signal that it gets, and ends with its parent, or when it has had as many SIGTERM as its
 * argument says. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>

int main(int count, char **arguments) {
    sigset_t all;
    int left = count > 1 ? atoi(arguments[1]) : 1;
    sigfillset(&all);
    if (sigprocmask(SIG_BLOCK, &all, NULL) != 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) != 0)
        return 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    puts("up");
    while (left > 0) {
        int signal = sigwaitinfo(&all, NULL);
        if (signal > 0)
            printf("%d\n", signal);
        left -= signal == SIGTERM;
    }
    return 0;
}
