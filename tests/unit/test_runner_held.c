/* Who finds and reaches hubs. The hubs are threads that say what the test has told them. */
#include "runner/held.h"

#include "directory.h"
#include "runner/hub.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { HUBS_MAX = 5, ASKED_MAX = 8 };

/* Nobody here answers late: the patience of seconds that held.c has is spent on those who never
 * answer, and may be short. */
int setsockopt(int fd, int level, int option, const void *value, socklen_t size)
{
    const struct timeval short_time = {.tv_usec = 50000};
    const struct timeval *time = value;

    if (level == SOL_SOCKET && option == SO_RCVTIMEO && time->tv_sec > 0)
        value = &short_time;
    return (int)syscall(SYS_setsockopt, fd, level, option, value, size);
}

/* What other runs of this user keep is not looked at. */
DIR *opendir(const char *path)
{
    int fd = strcmp(path, "/tmp") == 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? NULL : fdopendir(fd);
}

/* -- Hubs -------------------------------------------------------------------------------------- */

struct fake_hub {
    char *directory;
    const char *answers[ASKED_MAX]; /* of its connections, in turn; NULL: it says nothing */
    char asked[ASKED_MAX][256];     /* what they sent; read it after the hub was ended */
    int listener, fds[ASKED_MAX];
    size_t count;
    pthread_t thread;
};

struct fixture {
    char *directory;
    struct fake_hub hubs[HUBS_MAX];
    size_t count;
    struct held_list list;
};

static void read_line(int fd, char *line, size_t size)
{
    size_t length = 0;

    while (length + 1 < size && recv(fd, line + length, 1, 0) == 1 && line[length] != '\n')
        length++;
    line[length] = '\0';
}

static void *serve(void *context)
{
    struct fake_hub *hub = context;
    int fd;

    while (hub->count < ASKED_MAX && (fd = accept(hub->listener, NULL, NULL)) >= 0) {
        const char *answer = hub->answers[hub->count];

        read_line(fd, hub->asked[hub->count], sizeof hub->asked[0]);
        hub->fds[hub->count++] = fd;
        if (answer)
            send(fd, answer, strlen(answer), MSG_NOSIGNAL);
        if (answer && !strchr(answer, '\n'))
            shutdown(fd, SHUT_RDWR); /* cut short, and the end */
    }
    return NULL;
}

static struct fake_hub *hub_start(struct fixture *fixture, const char *name)
{
    struct fake_hub *hub = &fixture->hubs[fixture->count++];
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    hub->directory = xasprintf("%s/duet/%s", fixture->directory, name);
    assert_int_equal(fs_mkdirs(hub->directory, 0700, NULL), 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/hub", hub->directory);
    hub->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(hub->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(hub->listener, ASKED_MAX), 0);
    return hub;
}

static void hub_answers(struct fake_hub *hub)
{
    assert_int_equal(pthread_create(&hub->thread, NULL, serve, hub), 0);
}

static void hub_end(struct fake_hub *hub)
{
    if (!hub->directory)
        return;
    shutdown(hub->listener, SHUT_RDWR);
    if (hub->thread)
        pthread_join(hub->thread, NULL);
    close(hub->listener);
    for (size_t i = 0; i < hub->count; i++)
        close(hub->fds[i]);
    free(steal_pointer(&hub->directory));
}

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof *fixture);

    fixture->directory = directory_make();
    assert_int_equal(setenv("XDG_RUNTIME_DIR", fixture->directory, 1), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    held_list_free(&fixture->list);
    for (size_t i = 0; i < fixture->count; i++)
        hub_end(&fixture->hubs[i]);
    directory_remove(fixture->directory);
    free(fixture);
    return 0;
}

#define STATUS(pid, suite, name, started)                                                          \
    "{\"ok\":true,\"pid\":" #pid ",\"case\":\"" name "\",\"suite\":\"" suite                       \
    "\",\"path\":\"/s/" suite ".yaml\",\"state\":\"up\",\"started\":\"" started                    \
    "\",\"nodes\":[{\"name\":\"entry\",\"state\":\"up\",\"pid\":7},{\"name\":\"exit\","            \
    "\"state\":\"gone\",\"pid\":0}]}\n"

static size_t find(struct fixture *fixture)
{
    held_list_free(&fixture->list);
    held_find(&fixture->list);
    return fixture->list.count;
}

/* -- What there is ----------------------------------------------------------------------------- */

static void who_answers_is_found_the_oldest_first(void **state)
{
    struct fixture *fixture = *state;
    struct fake_hub *young = hub_start(fixture, "a");
    struct fake_hub *old = hub_start(fixture, "b");
    const struct held *held;

    young->answers[0] = STATUS(12, "smoke", "direct", "2026-01-02T00:00:00Z");
    old->answers[0] = STATUS(13, "smoke", "wireguard,ipv4", "2026-01-01T00:00:00Z");
    hub_answers(young);
    hub_answers(old);
    assert_int_equal(find(fixture), 2);
    assert_int_equal(fixture->list.silent, 0);
    held = fixture->list.items;
    assert_string_equal(held->case_name, "wireguard,ipv4");
    assert_string_equal(held->suite, "smoke");
    assert_string_equal(held->state, "up");
    assert_string_equal(held->directory, old->directory);
    assert_int_equal(held->pid, 13);
    assert_int_equal(held->node_count, 2);
    assert_string_equal(held->nodes[0].name, "entry");
    assert_int_equal(held->nodes[0].pid, 7);
    assert_string_equal(held->nodes[1].state, "gone");
    assert_string_equal(held[1].case_name, "direct");
    hub_end(old);
    assert_string_equal(old->asked[0], "{\"open\":\"status\"}");
}

static void who_does_not_answer_is_counted_or_passed_over(void **state)
{
    struct fixture *fixture = *state;
    struct fake_hub *silent = hub_start(fixture, "silent");
    struct fake_hub *full = hub_start(fixture, "full");
    struct fake_hub *cut = hub_start(fixture, "cut");
    struct fake_hub *garbage = hub_start(fixture, "garbage");
    struct fake_hub *dead = hub_start(fixture, "dead");

    full->answers[0] = "{\"ok\":false,\"error\":\"the hub has 128 connections\"}\n";
    cut->answers[0] = "{\"ok\":true,";
    garbage->answers[0] = "220 mail.example ESMTP\n";
    close(dead->listener);
    dead->listener = -1;
    hub_answers(silent);
    hub_answers(full);
    hub_answers(cut);
    hub_answers(garbage);
    assert_int_equal(find(fixture), 0);
    assert_int_equal(fixture->list.silent, 2);
    assert_null(strstr(fixture->list.who, "stopped"));
}

/* By a signal, or by this process as its debugger. Ends the process that it returns when nobody
 * needs it any more. */
static pid_t start_stopped_hub(struct fixture *fixture, bool traced)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        hub_start(fixture, "stopped");
        if (traced && ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
            _exit(1);
        raise(SIGSTOP);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    return pid;
}

static void who_is_stopped_is_named(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = start_stopped_hub(fixture, false);
    cleanup_free char *expected = xasprintf(
        "no case is kept up (1 more whose duet does not answer: process %d, which is stopped "
        "(`kill -CONT %d` lets it go on)): `duet up CASE` keeps one",
        (int)pid, (int)pid);
    const struct held *held;
    struct error error;

    assert_int_equal(find(fixture), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(held_choose(&fixture->list, NULL, &held, &error), -ENOENT);
    assert_string_equal(error.message, expected);
}

/* SIGCONT would do nothing to it. */
static void who_is_debugged_is_not_said_to_be_stopped(void **state)
{
    struct fixture *fixture = *state;
    pid_t pid = start_stopped_hub(fixture, true);
    cleanup_free char *expected = xasprintf("process %d", (int)pid);

    assert_int_equal(find(fixture), 0);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_string_equal(fixture->list.who, expected);
}

static void an_answer_that_has_little_is_no_trouble(void **state)
{
    struct fixture *fixture = *state;
    struct fake_hub *hub = hub_start(fixture, "a");

    hub->answers[0] = "{\"ok\":true,\"pid\":\"x\",\"case\":7,\"nodes\":{\"a\":[1]}}\n";
    hub_answers(hub);
    assert_int_equal(find(fixture), 1);
    assert_string_equal(fixture->list.items[0].case_name, "");
    assert_int_equal(fixture->list.items[0].pid, 0);
    assert_int_equal(fixture->list.items[0].node_count, 1);
    assert_string_equal(fixture->list.items[0].nodes[0].name, "");
}

static void an_answer_without_an_end_is_given_up(void **state)
{
    struct fixture *fixture = *state;
    struct fake_hub *hub = hub_start(fixture, "a");
    char *flood = xmalloc(2 * HUB_ANSWER_MAX);

    memset(flood, ' ', 2 * HUB_ANSWER_MAX);
    flood[2 * HUB_ANSWER_MAX - 1] = '\0';
    hub->answers[0] = flood;
    hub_answers(hub);
    assert_int_equal(find(fixture), 0);
    assert_int_equal(fixture->list.silent, 0);
    hub_end(hub);
    free(flood);
}

/* Brackets are a set of characters to a glob(7). */
static void a_case_is_found_by_its_own_name(void **state)
{
    struct fixture *fixture = *state;
    struct fake_hub *hub = hub_start(fixture, "a");
    const struct held *held = NULL;

    hub->answers[0] = STATUS(12, "web", "server=[fd00::1]", "2026-01-01T00:00:00Z");
    hub_answers(hub);
    assert_int_equal(find(fixture), 1);
    assert_int_equal(held_choose(&fixture->list, "web/server=[fd00::1]", &held, NULL), 0);
    assert_ptr_equal(held, fixture->list.items);
}

/* -- Which one is meant ------------------------------------------------------------------------ */

static void start_two(struct fixture *fixture)
{
    struct fake_hub *one = hub_start(fixture, "a");
    struct fake_hub *two = hub_start(fixture, "b");

    one->answers[0] = STATUS(12, "smoke", "direct,ipv4", "2026-01-01T00:00:00Z");
    two->answers[0] = STATUS(13, "web", "tcp", "2026-01-02T00:00:00Z");
    hub_answers(one);
    hub_answers(two);
    assert_int_equal(find(fixture), 2);
}

static void a_case_has_several_names(void **state)
{
    static const char *const first[] = {"smoke",      "direct,ipv4", "smoke/direct,ipv4",
                                        "smoke/dir*", "smoke/ipv4",  "12"};
    struct fixture *fixture = *state;
    const struct held *held = NULL;

    start_two(fixture);
    for (size_t i = 0; i < array_size(first); i++) {
        assert_int_equal(held_choose(&fixture->list, first[i], &held, NULL), 0);
        assert_ptr_equal(held, fixture->list.items);
    }
    assert_int_equal(held_choose(&fixture->list, "tcp", &held, NULL), 0);
    assert_ptr_equal(held, fixture->list.items + 1);
}

static void a_case_that_is_not_there_or_not_the_only_one_is_an_error(void **state)
{
    struct fixture *fixture = *state;
    const struct held *held = NULL;
    struct error error;

    assert_int_equal(held_choose(&fixture->list, NULL, &held, &error), -ENOENT);
    assert_string_equal(error.message, "no case is kept up: `duet up CASE` keeps one");
    start_two(fixture);
    assert_int_equal(held_choose(&fixture->list, "web/ud*", &held, &error), -ENOENT);
    assert_string_equal(error.message, "no case \"web/ud*\" is kept up, but smoke/direct,ipv4 "
                                       "(12), web/tcp (13)");
    assert_int_equal(held_choose(&fixture->list, NULL, &held, &error), -EEXIST);
    assert_string_equal(error.message, "2 cases are kept up; name one of them, or its process: "
                                       "smoke/direct,ipv4 (12), web/tcp (13)");
    assert_null(held);
}

static void a_node_is_chosen_likewise(void **state)
{
    struct fixture *fixture = *state;
    const struct held_node *node = NULL;
    const struct held *held = NULL;
    struct error error;

    start_two(fixture);
    assert_int_equal(held_choose(&fixture->list, "web", &held, NULL), 0);
    assert_int_equal(held_node(held, "exit", &node, &error), 0);
    assert_string_equal(node->name, "exit");
    assert_int_equal(held_node(held, "ex", &node, &error), -ENOENT);
    assert_string_equal(error.message, "web/tcp has no node \"ex\", but entry, exit");
    assert_int_equal(held_node(held, NULL, &node, &error), -ENOENT);
    assert_string_equal(error.message, "web/tcp has several nodes; name one: entry, exit");
}

/* -- Reaching it ------------------------------------------------------------------------------- */

static struct fake_hub *start_one(struct fixture *fixture, const char *first, const char *second)
{
    struct fake_hub *hub = hub_start(fixture, "a");

    hub->answers[0] = STATUS(12, "smoke", "direct", "2026-01-01T00:00:00Z");
    hub->answers[1] = first;
    hub->answers[2] = second;
    hub_answers(hub);
    assert_int_equal(find(fixture), 1);
    return hub;
}

static void what_follows_the_answer_is_the_caller_s(void **state)
{
    struct fixture *fixture = *state;
    struct fake_hub *hub = start_one(fixture, "{\"ok\":true,\"more\":1}\nwhat follows", NULL);
    cJSON *answer = NULL;
    char text[32] = "";
    int fd;

    assert_int_equal(held_open(fixture->list.items, "{\"open\":\"logs\"}", &fd, &answer, NULL), 0);
    assert_int_equal(cJSON_GetObjectItem(answer, "more")->valueint, 1);
    cJSON_Delete(answer);
    assert_int_equal(recv(fd, text, strlen("what follows"), MSG_WAITALL), strlen("what follows"));
    assert_string_equal(text, "what follows");
    close(fd);
    hub_end(hub);
    assert_string_equal(hub->asked[1], "{\"open\":\"logs\"}");
}

static void a_hub_that_says_no_is_believed(void **state)
{
    struct fixture *fixture = *state;
    struct error error;
    int fd = -1;

    start_one(fixture, "{\"ok\":false,\"error\":\"entry is paused\"}\n", "{\"ok\":1}\n");
    assert_int_equal(held_open(fixture->list.items, "{}", &fd, NULL, &error), -EREMOTEIO);
    assert_string_equal(error.message, "entry is paused");
    assert_int_equal(held_open(fixture->list.items, "{}", &fd, NULL, &error), -EPROTO);
    assert_string_equal(error.message, "the duet that keeps the case is another version");
    assert_int_equal(held_open(fixture->list.items, "{}", &fd, NULL, &error), -ETIMEDOUT);
    assert_string_equal(error.message, "the duet that keeps the case does not answer");
    assert_int_equal(fd, -1);
}

static void a_channel_is_two_connections(void **state)
{
    struct fixture *fixture = *state;
    struct fake_hub *hub =
        start_one(fixture, "{\"ok\":true,\"client\":1048575}\n", "{\"ok\":true}\n");
    struct error error;
    int ctl, io;

    if (held_connect(fixture->list.items, "en\"try", &ctl, &io, &error) < 0)
        fail_msg("%s", error.message);
    close(ctl);
    close(io);
    hub_end(hub);
    assert_string_equal(hub->asked[1], "{\"open\":\"ctl\",\"node\":\"en\\\"try\"}");
    assert_string_equal(hub->asked[2], "{\"open\":\"io\",\"client\":1048575}");
}

static void a_channel_that_is_half_open_is_none(void **state)
{
    struct fixture *fixture = *state;
    struct fake_hub *hub = start_one(fixture, "{\"ok\":true,\"client\":1}\n",
                                     "{\"ok\":false,\"error\":\"no more\"}\n");
    struct error error;
    int ctl = -1, io = -1;
    char byte;

    assert_int_equal(held_connect(fixture->list.items, "entry", &ctl, &io, &error), -EREMOTEIO);
    assert_string_equal(error.message, "no more");
    assert_int_equal(ctl, -1);
    assert_int_equal(io, -1);
    assert_int_equal(recv(hub->fds[1], &byte, 1, 0), 0); /* the first was closed */
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(who_answers_is_found_the_oldest_first),
        TEST(who_does_not_answer_is_counted_or_passed_over),
        TEST(who_is_stopped_is_named),
        TEST(who_is_debugged_is_not_said_to_be_stopped),
        TEST(an_answer_that_has_little_is_no_trouble),
        TEST(an_answer_without_an_end_is_given_up),
        TEST(a_case_is_found_by_its_own_name),
        TEST(a_case_has_several_names),
        TEST(a_case_that_is_not_there_or_not_the_only_one_is_an_error),
        TEST(a_node_is_chosen_likewise),
        TEST(what_follows_the_answer_is_the_caller_s),
        TEST(a_hub_that_says_no_is_believed),
        TEST(a_channel_is_two_connections),
        TEST(a_channel_that_is_half_open_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
