/* Runs a fuzz target without libFuzzer: every file of the corpus, then seeded mutations of them.
 *
 * usage: fuzz_NAME [-runs=N] [-seed=N] [-max_total_time=SECONDS] [FILE|DIRECTORY]…
 *
 * The options are libFuzzer's, so that one command line serves both. The target runs in a child
 * and its input lies in memory that both share: however the child dies (sanitizer, signal, _exit,
 * a hang), the input that killed it is still there and is saved as crash-SEED-NUMBER. Given that
 * file alone with -runs=0, the target runs it once more. The same seed and corpus give the same
 * inputs. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    INPUT_MAX = 1 << 16,    /* bytes of one input */
    HANG_SECONDS = 20,      /* one input may not take longer */
    MUTATIONS_MAX = 8,      /* mutations stacked on one input */
    LEAK_CHECK_RUNS = 2000, /* mutations between two leak checks, each of which takes some ms */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* Of the address sanitizer; NULL without it. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

struct input {
    uint8_t *data;
    size_t size;
};

struct corpus {
    struct input *inputs;
    size_t count;
};

/* What the child is doing, in memory shared with the parent. */
struct shared {
    uint64_t runs;
    size_t size;
    uint8_t data[INPUT_MAX];
};

struct options {
    uint64_t runs, seed, seconds;
};

static void fail(const char *what, const char *name)
{
    fprintf(stderr, "fuzz driver: %s %s: %s\n", what, name, strerror(errno));
    exit(2);
}

/* splitmix64 (Steele, Lea and Flood, 2014). */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static size_t random_below(uint64_t *state, size_t limit)
{
    return limit ? (size_t)(random_next(state) % limit) : 0;
}

static void corpus_add(struct corpus *corpus, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    struct input *grown = realloc(corpus->inputs, (corpus->count + 1) * sizeof *corpus->inputs);

    if (!copy || !grown)
        fail("cannot keep", "an input");
    if (size)
        memcpy(copy, data, size);
    corpus->inputs = grown;
    corpus->inputs[corpus->count++] = (struct input){.data = copy, .size = size};
}

static void corpus_free(struct corpus *corpus)
{
    for (size_t i = 0; i < corpus->count; i++)
        free(corpus->inputs[i].data);
    free(corpus->inputs);
}

static void load_file(struct corpus *corpus, const char *path)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *file = fopen(path, "rbe");
    size_t size;

    if (!file)
        fail("cannot open", path);
    size = fread(bytes, 1, sizeof bytes, file);
    if (ferror(file))
        fail("cannot read", path);
    fclose(file);
    corpus_add(corpus, bytes, size);
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Sorted by name, so that a seed means the same on every file system. */
static void load_path(struct corpus *corpus, const char *path)
{
    struct dirent **entries;
    struct stat info;
    int count;

    if (stat(path, &info) < 0)
        fail("cannot find", path);
    if (!S_ISDIR(info.st_mode)) {
        load_file(corpus, path);
        return;
    }
    count = scandir(path, &entries, not_hidden, alphasort);
    if (count < 0)
        fail("cannot list", path);
    for (int i = 0; i < count; i++) {
        char *name = NULL;

        if (asprintf(&name, "%s/%s", path, entries[i]->d_name) < 0)
            fail("cannot name", path);
        load_path(corpus, name);
        free(name);
        free(entries[i]);
    }
    free(entries);
}

static void insert_bytes(struct shared *input, size_t at, const uint8_t *bytes, size_t count)
{
    if (count > INPUT_MAX - input->size)
        count = INPUT_MAX - input->size;
    memmove(input->data + at + count, input->data + at, input->size - at);
    memcpy(input->data + at, bytes, count);
    input->size += count;
}

static void mutate_cut(struct shared *input, uint64_t *random)
{
    size_t at = random_below(random, input->size);
    size_t count = 1 + random_below(random, input->size - at);

    memmove(input->data + at, input->data + at + count, input->size - at - count);
    input->size -= count;
}

static void mutate_insert(struct shared *input, uint64_t *random)
{
    uint8_t bytes[32];
    size_t count = 1 + random_below(random, sizeof bytes);
    uint8_t fill = (uint8_t)random_next(random);
    bool same = random_below(random, 2);

    for (size_t i = 0; i < count; i++)
        bytes[i] = same ? fill : (uint8_t)random_next(random);
    insert_bytes(input, random_below(random, input->size + 1), bytes, count);
}

/* A piece of any corpus input goes in somewhere; the input itself, too, which repeats its parts. */
static void mutate_splice(struct shared *input, const struct corpus *corpus, uint64_t *random)
{
    const struct input *other = &corpus->inputs[random_below(random, corpus->count)];
    size_t from = random_below(random, other->size);
    size_t count = random_below(random, other->size - from + 1);

    insert_bytes(input, random_below(random, input->size + 1), other->data + from, count);
}

/* The numbers at which lengths and offsets go wrong, in both byte orders, in 1 to 8 bytes. */
static void mutate_integer(struct shared *input, uint64_t *random)
{
    static const uint64_t numbers[] = {
        0,       1,          2,          7,          8,          12,        16,
        0x7f,    0x80,       0xff,       0x100,      0x7fff,     0x8000,    0xffff,
        0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 1ull << 32, INT64_MAX, UINT64_MAX,
    };
    size_t width = (size_t)1 << random_below(random, 4);
    uint64_t number = numbers[random_below(random, sizeof numbers / sizeof numbers[0])];
    bool big = random_below(random, 2);
    size_t at;

    if (input->size < width)
        return;
    at = random_below(random, input->size - width + 1);
    for (size_t i = 0; i < width; i++)
        input->data[at + (big ? width - 1 - i : i)] = (uint8_t)(number >> (8 * i));
}

static void mutate(struct shared *input, const struct corpus *corpus, uint64_t *random)
{
    if (input->size == 0) {
        mutate_insert(input, random);
        return;
    }
    switch (random_below(random, 7)) {
    case 0:
    case 1:
        input->data[random_below(random, input->size)] ^= (uint8_t)(1u << random_below(random, 8));
        break;
    case 2:
        input->data[random_below(random, input->size)] = (uint8_t)random_next(random);
        break;
    case 3:
        mutate_cut(input, random);
        break;
    case 4:
        mutate_insert(input, random);
        break;
    case 5:
        mutate_splice(input, corpus, random);
        break;
    default:
        mutate_integer(input, random);
        break;
    }
}

/* The target gets a copy of exactly the input's size, so that the sanitizer sees a read past it. */
static void run_one(struct shared *shared)
{
    uint8_t *copy = malloc(shared->size ? shared->size : 1);

    if (!copy)
        fail("cannot copy", "an input");
    memcpy(copy, shared->data, shared->size);
    shared->runs++;
    alarm(HANG_SECONDS);
    LLVMFuzzerTestOneInput(copy, shared->size);
    alarm(0);
    free(copy);
}

static void check_leaks(void)
{
    if (__lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check()) {
        fputs("fuzz driver: memory leaked at the saved input or shortly before it\n", stderr);
        _exit(1);
    }
}

static void load_input(struct shared *shared, const struct input *input)
{
    shared->size = input->size;
    memcpy(shared->data, input->data, input->size);
}

static void run_all(struct shared *shared, const struct corpus *corpus,
                    const struct options *options)
{
    time_t end = time(NULL) + (time_t)options->seconds;
    uint64_t random = options->seed;

    for (size_t i = 0; i < corpus->count; i++) {
        load_input(shared, &corpus->inputs[i]);
        run_one(shared);
        check_leaks();
    }
    for (uint64_t i = 0; i < options->runs; i++) {
        size_t times = 1 + random_below(&random, MUTATIONS_MAX);

        if (options->seconds && time(NULL) >= end)
            break;
        load_input(shared, &corpus->inputs[random_below(&random, corpus->count)]);
        while (times-- > 0)
            mutate(shared, corpus, &random);
        run_one(shared);
        if (i % LEAK_CHECK_RUNS == LEAK_CHECK_RUNS - 1)
            check_leaks();
    }
    check_leaks();
}

static bool read_option(const char *argument, const char *name, uint64_t *value)
{
    size_t length = strlen(name);
    char *end;

    if (strncmp(argument, name, length) != 0)
        return false;
    errno = 0;
    *value = strtoull(argument + length, &end, 10);
    if (end == argument + length || *end || errno) {
        fprintf(stderr, "fuzz driver: %s is not a number\n", argument);
        exit(2);
    }
    return true;
}

static int report_death(int status, const struct shared *shared, const struct options *options)
{
    char name[64];
    FILE *file;

    snprintf(name, sizeof name, "crash-%llu-%llu", (unsigned long long)options->seed,
             (unsigned long long)shared->runs);
    if (WIFSIGNALED(status))
        fprintf(stderr, "fuzz driver: input %llu: %s\n", (unsigned long long)shared->runs,
                WTERMSIG(status) == SIGALRM ? "still running after 20 s"
                                            : strsignal(WTERMSIG(status)));
    else
        fprintf(stderr, "fuzz driver: input %llu: exit status %d\n",
                (unsigned long long)shared->runs, WEXITSTATUS(status));
    file = fopen(name, "wbe");
    if (!file)
        fail("cannot make", name);
    if (fwrite(shared->data, 1, shared->size, file) != shared->size || fclose(file) != 0)
        fail("cannot write", name);
    fprintf(stderr, "fuzz driver: the input is in %s (%zu bytes)\n", name, shared->size);
    return 1;
}

int main(int argc, char **argv)
{
    struct options options = {.runs = 10000, .seed = 1};
    struct corpus corpus = {0};
    struct shared *shared;
    pid_t child;
    int status;

    for (int i = 1; i < argc; i++)
        if (!read_option(argv[i], "-runs=", &options.runs) &&
            !read_option(argv[i], "-seed=", &options.seed) &&
            !read_option(argv[i], "-max_total_time=", &options.seconds))
            load_path(&corpus, argv[i]);
    if (corpus.count == 0)
        corpus_add(&corpus, NULL, 0);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        fail("cannot map", "memory");
    child = fork();
    if (child < 0)
        fail("cannot start", "a child");
    if (child == 0) {
        run_all(shared, &corpus, &options);
        corpus_free(&corpus);
        exit(0);
    }
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            fail("cannot wait for", "the child");
    corpus_free(&corpus);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return report_death(status, shared, &options);
    printf("%llu inputs, seed %llu\n", (unsigned long long)shared->runs,
           (unsigned long long)options.seed);
    return 0;
}
