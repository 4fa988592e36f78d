#include "models/weights/weight_hint.h"

#include "pipeline/base/file.h"

#include <string.h>

/* OWNER/NAME at the end of a path without the extension of a file. */
static const char *hub_name(const char *path) {
    static const char *const ends[] = {".safetensors", ".json", ".bin", ".pt", ".pth", ".ckpt"};
    char folder[FILE_PATH_MAX];
    const char *name = file_base_name(path), *owner = name;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (text_ends_with(path, ends[i])) return NULL;
    if (name == path || !name[0]) return NULL;
    if (file_parent(folder, path, NULL) != STATUS_OK || file_exists(folder)) return NULL;
    for (owner--; owner > path && owner[-1] != '/';) owner--;
    return owner[0] == '/' || owner[0] == '.' ? NULL : owner;
}

/* Whether path is a tag of open_clip's --pretrained: openai, laion2b_s34b_b79k, ... */
static bool is_tag(const char *path) {
    static const char *const begins[] = {"laion", "datacomp", "commonpool",
                                         "webli", "metaclip", "dfn"};
    const char *name = file_base_name(path);
    if (!strcmp(name, "openai")) return true;
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (!strncmp(name, begins[i], strlen(begins[i])) && !strchr(name, '.')) return true;
    return false;
}

/* Appends the command that downloads the files of transformers or open_clip from the hub. */
static void hub_command(struct text *out, const char *name, bool open_clip) {
    text_printf(out,
                "; names on a hub are not fetched: get the files and name their folder: curl "
                "-fL --create-dirs --output-dir '%s' --remote-name-all "
                "'https://huggingface.co/%s/resolve/main/{%s}'",
                file_base_name(name), name,
                open_clip ? "open_clip_config.json,open_clip_model.safetensors,merges.txt"
                          : "config.json,model.safetensors,merges.txt");
}

void weight_hint(struct text *out, const char *path) {
    const char *hub = strstr(path, "hf-hub:");
    const char *const address = strstr(path, "https:/");
    if (hub)
        hub_command(out, hub + strlen("hf-hub:"), true);
    else if (address)
        text_append(out,
                    "; addresses are not fetched: get the file with curl -L -O ADDRESS and name "
                    "it here");
    else if (path[0] == '~' || strstr(path, "/~"))
        text_append(out, "; ~ is not expanded here: write the path of the home folder");
    else if (strchr(path, '$'))
        text_append(out, "; variables of the shell are not expanded here: write the path itself");
    else if ((hub = hub_name(path)))
        hub_command(out, hub, false);
    else if (is_tag(path))
        hub_command(out, "OWNER/NAME", true);
}
