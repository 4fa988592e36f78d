/* The only C++ file: the library's interface is a C++ class. No exception leaves this file. */
#include <sentencepiece_processor.h>

#define _Noreturn [[noreturn]]
extern "C" {
#include "pipeline/base/status.h"
}

#include "data/texts/tokenizer_sentencepiece.h"

#include <cstdio>
#include <memory>
#include <new>
#include <string>
#include <vector>

struct tokenizer_sentencepiece {
    sentencepiece::SentencePieceProcessor model;
    size_t n_unknown; /* pieces of "<unk>" */
    int end;
};

/* Turns the library's status into ours, with its message on one line. The status class is the
 * library's own, or Abseil's in newer versions. */
template <class library_status> static enum status failed(const library_status &s, struct error *e) {
    return fail(e, STATUS_BAD_DATA, "SentencePiece: %.200s", std::string(s.message()).c_str());
}

enum status tokenizer_sentencepiece_open(struct tokenizer_sentencepiece **out, const char *bytes,
                                         size_t n, struct error *e) try {
    /* Concatenating serialised messages merges them; this one is
     * ModelProto{normalizer_spec{add_dummy_prefix: false}}. */
    static const char no_prefix[] = {0x1a, 2, 0x18, 0};
    *out = nullptr;
    std::string proto(bytes, n);
    proto.append(no_prefix, sizeof no_prefix);
    std::unique_ptr<tokenizer_sentencepiece> t(new tokenizer_sentencepiece);
    const auto loaded = t->model.LoadFromSerializedProto(proto);
    if (!loaded.ok()) return failed(loaded, e);
    t->end = t->model.PieceToId("</s>");
    if (t->model.IsUnknown(t->end))
        return fail(e, STATUS_BAD_DATA, "the model has no piece </s>; expected one that ends texts");
    std::vector<std::string> pieces;
    const auto encoded = t->model.Encode("<unk>", &pieces);
    if (!encoded.ok()) return failed(encoded, e);
    t->n_unknown = pieces.size();
    *out = t.release();
    return STATUS_OK;
} catch (const std::bad_alloc &) {
    return fail(e, STATUS_NO_MEMORY, "no memory for a vocabulary");
}

void tokenizer_sentencepiece_close(struct tokenizer_sentencepiece **t) {
    delete *t;
    *t = nullptr;
}

int tokenizer_sentencepiece_size(const struct tokenizer_sentencepiece *t) {
    return t->model.GetPieceSize();
}

int tokenizer_sentencepiece_end(const struct tokenizer_sentencepiece *t) {
    return t->end;
}

enum status tokenizer_sentencepiece_ids(const struct tokenizer_sentencepiece *t, const char *text,
                                        size_t n, int32_t *ids, int max, int *n_ids,
                                        struct error *e) try {
    std::vector<int> found;
    const auto encoded = t->model.Encode("<unk>\u2581" + std::string(text, n), &found);
    if (!encoded.ok()) return failed(encoded, e);
    *n_ids = 0;
    for (size_t i = t->n_unknown; i < found.size() && *n_ids < max; i++) ids[(*n_ids)++] = found[i];
    return STATUS_OK;
} catch (const std::bad_alloc &) {
    return fail(e, STATUS_NO_MEMORY, "no memory for the ids of a text");
}

void tokenizer_sentencepiece_piece(const struct tokenizer_sentencepiece *t, int32_t id, char *out,
                                   size_t capacity) {
    snprintf(out, capacity, "%s", t->model.IdToPiece(id).c_str());
}
