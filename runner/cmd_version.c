/* duet version */
#include "runner/commands.h"

#include <argp.h>
#include <cjson/cJSON.h>
#include <curl/curl.h>
#include <libvirt/libvirt.h>
#include <stdio.h>
#include <zlib.h>

int cmd_version(int argc, char **argv)
{
    static const struct argp argp = {
        .doc = "Print the versions of duet and of the libraries it stands on."};
    unsigned long libvirt = 0;

    if (argp_parse(&argp, argc, argv, 0, NULL, NULL) != 0)
        return EXIT_USAGE;
    virGetVersion(&libvirt, NULL, NULL);
    printf("duet %s\n", DUET_VERSION);
    printf("libvirt %lu.%lu.%lu, libcurl %s, cJSON %s, zlib %s\n", libvirt / 1000000,
           libvirt / 1000 % 1000, libvirt % 1000, curl_version_info(CURLVERSION_NOW)->version,
           cJSON_Version(), zlibVersion());
    return EXIT_PASSED;
}
