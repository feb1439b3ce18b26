/* Loaded before the C library (LD_PRELOAD): the call number TRIAL_AT that changes the disk fails with the error TRIAL_ERROR
   (and all after it, where TRIAL_STAYS is set), or kills the process where TRIAL_ERROR is 0. Calls are counted into the
   file TRIAL_COUNT at the end. Figures are packed loosely, for more runs in the same time. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long calls, at = -1, stays, error;
static pid_t own;

__attribute__((constructor)) static void begin(void) {
    const char* text = getenv("TRIAL_AT");
    own = getpid();
    at = text ? atol(text) : -1;
    stays = getenv("TRIAL_STAYS") != NULL;
    text = getenv("TRIAL_ERROR");
    error = text ? atol(text) : 0;
}

__attribute__((destructor)) static void end(void) {
    const char* const path = getenv("TRIAL_COUNT");
    if (!path || getpid() != own) return;
    const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file >= 0) dprintf(file, "%ld\n", calls);
    if (file >= 0) close(file);
}

/* Whether this call fails; kills where that is asked for. */
static int fails(void) {
    if (getpid() != own) return 0;
    const long n = ++calls;
    if (at < 0 || (stays ? n < at : n != at)) return 0;
    if (error == 0) kill(own, SIGKILL);
    errno = (int)error;
    return 1;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int rename(const char* from, const char* to) { return fails() ? -1 : NEXT(rename)(from, to); }
int renameat2(int a, const char* from, int b, const char* to, unsigned flags) {
    return fails() ? -1 : NEXT(renameat2)(a, from, b, to, flags);
}
int mkdir(const char* path, mode_t mode) { return fails() ? -1 : NEXT(mkdir)(path, mode); }
int rmdir(const char* path) { return fails() ? -1 : NEXT(rmdir)(path); }
int unlink(const char* path) { return fails() ? -1 : NEXT(unlink)(path); }
int remove(const char* path) { return fails() ? -1 : NEXT(remove)(path); }
int fsync(int file) { return fails() ? -1 : NEXT(fsync)(file); }
FILE* fopen(const char* path, const char* mode) {
    if (strchr(mode, 'w') && fails()) return NULL;
    return NEXT(fopen)(path, mode);
}
size_t fwrite(const void* from, size_t size, size_t count, FILE* file) {
    if (file != stdout && file != stderr && fails()) return count / 2;
    return NEXT(fwrite)(from, size, count, file);
}
int fflush(FILE* file) {
    if (file && file != stdout && file != stderr && fails()) return EOF;
    return NEXT(fflush)(file);
}
ssize_t write(int file, const void* from, size_t count) {
    struct stat what;
    if (fstat(file, &what) == 0 && S_ISREG(what.st_mode) && fails()) return -1;
    return NEXT(write)(file, from, count);
}
int ftruncate(int file, off_t length) { return fails() ? -1 : NEXT(ftruncate)(file, length); }

void png_write_info(void* png, const void* info) {
    void (*const level)(void*, int) = (void (*)(void*, int))dlsym(RTLD_NEXT, "png_set_compression_level");
    void (*const filter)(void*, int, int) = (void (*)(void*, int, int))dlsym(RTLD_NEXT, "png_set_filter");
    if (level) level(png, 1);
    if (filter) filter(png, 0, 8);  // none
    ((void (*)(void*, const void*))dlsym(RTLD_NEXT, "png_write_info"))(png, info);
}
