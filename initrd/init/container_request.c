#include "initrd/init/container_request.h"

#include "initrd/init/container.h"
#include "initrd/init/process.h"

#include <errno.h>

static int create(struct agent *agent, struct request *request, bool with_pod, struct error *error)
{
    const struct exec_request *exec = &request->exec;
    const struct process_streams streams = {exec->stdin_stream, exec->stdout_stream,
                                            exec->stderr_stream};
    struct container *other;
    int code = process_check(agent, request->id, &streams, error);

    if (code == 0 && container_find(agent, request->container, &other, NULL) == 0)
        code = error_set(error, EEXIST, "there is a container %s already", request->container);
    return code < 0 ? code : container_new(agent, request, with_pod, error);
}

int container_create(struct agent *agent, struct request *request, struct error *error)
{
    return create(agent, request, false, error);
}

int container_create_with_pod(struct agent *agent, struct request *request, struct error *error)
{
    return create(agent, request, true, error);
}

static int check_restart(const struct container *container, const struct request *request,
                         struct error *error)
{
    const struct exec_request *exec = &request->exec;
    const struct process_streams streams = {exec->stdin_stream, exec->stdout_stream,
                                            exec->stderr_stream};
    int code = request_check_streams(exec, container->request->exec.terminal, error);

    if (code == 0)
        code = process_check(container->agent, request->id, &streams, error);
    if (code == 0 && (container->asked || container->state == CONTAINER_REMOVING))
        code = error_set(error, EBUSY, "the container %s is being started or removed",
                         container->request->container);
    return code;
}

int container_restart(struct agent *agent, struct request *request, struct error *error)
{
    struct container *container;
    int code = container_find(agent, request->container, &container, error);

    if (code == 0)
        code = check_restart(container, request, error);
    if (code < 0)
        return code;
    if (container->state == CONTAINER_STOPPED)
        return container_start(container, request, error);
    container->asked = request_share(request);
    if (container->state == CONTAINER_RUNNING)
        container_ask_to_stop(container);
    return 0;
}

int container_remove(struct agent *agent, const struct request *request, struct error *error)
{
    struct container *container;
    int code = container_find(agent, request->container, &container, error);

    if (code == 0 && container->state == CONTAINER_REMOVING)
        code = error_set(error, EBUSY, "the container %s is being removed", request->container);
    else if (code == 0 && container->state != CONTAINER_STOPPED)
        code = error_set(error, EBUSY, "the container %s runs", request->container);
    if (code == 0)
        code = container_begin_removal(container, error);
    if (code == 0)
        container->removal = request_share((struct request *)request);
    return code;
}

int container_signal(struct agent *agent, const struct request *request, struct error *error)
{
    struct container *container;
    int code = container_find_running(agent, request->container, &container, error);
    int result;

    if (code < 0)
        return code;
    result = kill(request->signal == SIGKILL ? container->sandbox : -container->main->pid,
                  request->signal);
    if (result < 0)
        return error_errno(error, "cannot send signal %d to the container %s", request->signal,
                           request->container);
    return 0;
}
