// peak-memory FILE COMMAND ARGUMENT...
//
// Runs a command, within limits that only a fault reaches, and writes to FILE how many bytes of memory it held at most.
// It ends with the command's exit status, or 128 and the number of the signal that ended it. The tests cannot measure by
// themselves: the system counts the memory of whoever starts a process as the process's own.

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static const int troubleStatus = 99;

static void fail(const char *what) {
  fprintf(stderr, "peak-memory: %s: %s\n", what, strerror(errno));
  exit(troubleStatus);
}

static void limit(int resource, rlim_t value) {
  const struct rlimit limits = {value, value};
  if (setrlimit(resource, &limits) != 0) fail("cannot set a limit");
}

int main(int count, char **arguments) {
  if (count < 3) fail("expected a file and a command");
  const pid_t process = fork();
  if (process < 0) fail("cannot start a process");
  if (process == 0) {
    // The address sanitizer sets aside terabytes of addresses.
    if (getenv("ASAN_OPTIONS") == NULL) limit(RLIMIT_AS, (rlim_t)16 << 30);
    limit(RLIMIT_CPU, 120);
    limit(RLIMIT_CORE, 0);
    execvp(arguments[2], arguments + 2);
    fail(arguments[2]);
  }
  int status;
  struct rusage usage;
  while (wait4(process, &status, 0, &usage) < 0) {
    if (errno != EINTR) fail("cannot wait");
  }
  FILE *report = fopen(arguments[1], "w");
  if (report == NULL) fail(arguments[1]);
// Linux counts kibibytes, Darwin bytes.
#ifdef __linux__
  const long unit = 1024;
#else
  const long unit = 1;
#endif
  fprintf(report, "%ld\n", usage.ru_maxrss * unit);
  if (fclose(report) != 0) fail(arguments[1]);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
