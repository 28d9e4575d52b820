// SPDX-License-Identifier: Apache-2.0
/*
 * rusage COMMAND ARGS...: runs it and says on file descriptor 3 what it took: wall and CPU seconds, peak resident KiB and
 * the exit code. What `time -v` does, without another package to install.
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
	return t.tv_sec + t.tv_usec / 1e6;
}

int main(int argc, char **argv)
{
	double begin = now();
	struct rusage used;
	int status = 0;
	pid_t child = fork();

	if (argc < 2 || child < 0)
		return 125;
	if (child == 0) {
		close(3);
		execvp(argv[1], argv + 1);
		_exit(127);
	}
	wait4(child, &status, 0, &used);
	dprintf(3, "{\"wall\":%.6f,\"cpu\":%.6f,\"rss\":%ld,\"code\":%d}\n", now() - begin,
		seconds(used.ru_utime) + seconds(used.ru_stime), used.ru_maxrss,
		WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}
