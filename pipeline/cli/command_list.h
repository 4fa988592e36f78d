/* One line per sub-command: name, one-line help. The function is command_<name>(argc, argv, e),
 * where argv[0] is the command's name; it returns a status, and main prints the error. */
#ifndef PIPELINE_CLI_COMMAND_LIST_H
#define PIPELINE_CLI_COMMAND_LIST_H
#include "pipeline/base/status.h"

#define COMMAND_LIST(X)                                                                            \
    X(bench, "measures parts of the program on this machine")                                      \
    X(convert, "writes models for open_clip and transformers, adapters for PEFT")                  \
    X(devices, "what would run where, and why")                                                    \
    X(embed, "features of pictures or texts, to .npy or .safetensors")                             \
    X(eval, "scores of a run over its stages, or of a model on sets")                              \
    X(recipe, "checks and explains recipes")                                                       \
    X(run, "shows and verifies what a run folder holds")                                           \
    X(search, "nearest pictures or texts in a file of features")                                   \
    X(shards, "makes, indexes, checks and lists tar shards")                                       \
    X(tokenize, "prints the ids of a text")                                                        \
    X(tokenizer, "trains a small vocabulary from captions")                                        \
    X(train, "trains a model as a recipe says")

#define COMMAND_DECLARE(name, help)                                                                \
    enum status command_##name(int argc, char **argv, struct error *e);
COMMAND_LIST(COMMAND_DECLARE)
#undef COMMAND_DECLARE

#endif
