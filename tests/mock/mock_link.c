/* Links that the node would carry: nothing goes over them, and each has seen nothing. */
#include "tests/mock/mock_internal.h"

#include "base/memory.h"
#include "initrd/init/link_state.h"
#include "initrd/init/pod_carrier.h"

#include <errno.h>
#include <string.h>

struct mock_link {
    struct mock_link *next;
    char *interface;
    uint32_t mtu;
    uint64_t verdicts[2]; /* streams that are open; 0: none */
};

void mock_links_add(struct mock_agent *mock, const struct pod *pod)
{
    for (size_t i = 0; i < pod->interface_count; i++) {
        const struct pod_interface *interface = &pod->interfaces[i];
        struct mock_link *link = interface->carrier ? xcalloc(1, sizeof *link) : NULL;

        if (!link)
            continue;
        link->interface = xstrdup(interface->name);
        link->mtu = interface->mtu;
        memcpy(link->verdicts, interface->carrier->verdicts, sizeof link->verdicts);
        link->next = mock->links;
        mock->links = link;
    }
}

void mock_links_free(struct mock_agent *mock)
{
    while (mock->links) {
        struct mock_link *next = mock->links->next;

        free(mock->links->interface);
        free(mock->links);
        mock->links = next;
    }
}

static int check_change(const struct mock_link *link, const json_t *json, struct error *error)
{
    struct impair_config configs[2] = {0};
    unsigned named;
    int code = pod_carrier_change(json, link->mtu, configs, &named, error);

    impair_config_free(&configs[0]);
    impair_config_free(&configs[1]);
    return code;
}

static void close_streams(struct mock_agent *mock, struct mock_link *link)
{
    for (unsigned way = 0; way < 2; way++) {
        if (link->verdicts[way])
            wire_io_write(&mock->io.out, link->verdicts[way], NULL, 0, NULL);
        link->verdicts[way] = 0;
    }
    mock_port_flush(&mock->io);
}

int mock_serve_link(struct mock_agent *mock, struct request *request, struct error *error)
{
    static const struct link_way_state nothing[2];
    cleanup_buffer struct buffer ways = {0};
    struct mock_link *link = mock->links;
    int code = 0;

    while (link && strcmp(link->interface, request->interface) != 0)
        link = link->next;
    if (!link)
        return error_set(error, ENODEV, "this node carries no link named %s", request->interface);
    if (request->code == WIRE_SETLINK)
        code = check_change(link, request->impair, error);
    if (code < 0)
        return code;
    if (request->code == WIRE_CLOSELINK)
        close_streams(mock, link);
    link_state_json(&ways, nothing);
    reply_ack_members(&mock->ctl.out, request->code, request->id, ways.data);
    return 0;
}
