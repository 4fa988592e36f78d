#include "pipeline/cli/command_list.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    (void)argv;
    if (argc < 2) {
        fprintf(stderr, "sapwood: no command\n");
        return 2;
    }
    return 2;
}
