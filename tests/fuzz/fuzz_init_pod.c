/* STARTPOD: what is taken can be carried out without another look, what is refused leaves nothing
 * behind and gives a reason. */
#include "base/wire.h"
#include "initrd/init/request.h"
#include "net/impair_netem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_address(const struct address *address)
{
    if (address->family != AF_INET && address->family != AF_INET6)
        abort();
    if (address->prefix > (address->family == AF_INET ? 32 : 128))
        abort();
}

static void check_addresses(const struct pod_addresses *addresses)
{
    for (size_t i = 0; i < addresses->count; i++)
        check_address(&addresses->items[i]);
}

static void check_netem(const struct pod_netem *netem)
{
    const struct impair_settings *settings = &netem->config.settings;

    if (impair_check(settings, UINT16_MAX, NULL, NULL) < 0 ||
        impair_netem_check(settings, NULL, NULL) < 0)
        abort();
}

static void check(const struct pod *pod)
{
    if (pod->entropy_size < POD_ENTROPY_LEAST || pod->entropy_size > POD_ENTROPY_MOST)
        abort();
    if (!pod->hostname[0])
        abort();
    for (size_t i = 0; i < pod->interface_count; i++) {
        if (!pod->interfaces[i].name[0] || !memchr(pod->interfaces[i].name, '\0', IFNAMSIZ))
            abort();
        check_addresses(&pod->interfaces[i].addresses);
        if (pod->interfaces[i].netem)
            check_netem(pod->interfaces[i].netem);
    }
    for (size_t i = 0; i < pod->route_count; i++)
        check_address(&pod->routes[i].to);
    for (size_t i = 0; i < pod->host_count; i++) {
        if (!pod->hosts[i].name[0])
            abort();
        check_addresses(&pod->hosts[i].addresses);
    }
    for (size_t i = 0; i < pod->sysctl_count; i++)
        if (pod->sysctls[i].key[0] == '/' || !strchr(pod->sysctls[i].key, '/'))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct request *request = NULL;
    struct error error = {0};
    uint64_t id = 0;
    int code = request_parse(WIRE_STARTPOD, data, size, &id, &request, &error);

    if ((code == 0) != (request != NULL) || (code < 0 && !error.message[0]))
        abort();
    if (request)
        check(&request->pod);
    request_free(request);
    return 0;
}
