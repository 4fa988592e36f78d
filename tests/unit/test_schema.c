/* A configuration like a small recipe: every kind of field, its errors, and back again. */
#include "pipeline/base/schema.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/check.h"

struct source {
    const char *shards;
    double share;
};
struct adapter {
    int64_t rank;
    struct schema_ints layers;
};
struct clip {
    double weight;
};
struct distill {
    double weight, temperature;
    bool text;
};
struct optimiser {
    double rate;
    int schedule;
};
struct recipe {
    int64_t steps;
    const char *name;
    int device;
    bool augment;
    struct optimiser optimiser;
    const struct adapter *adapter;
    struct schema_texts templates;
    struct schema_objects sources;
    struct schema_variants losses;
};

static const char *const devices[] = {"auto", "cpu", "vulkan", NULL};
static const char *const schedules[] = {"cosine", "constant", NULL};

static const struct schema_field source_fields[] = {
    {"shards", SCHEMA_TEXT, offsetof(struct source, shards), .min = 1, .max = 4096,
     .help = "shard names, with braces"},
    {"share", SCHEMA_DOUBLE, offsetof(struct source, share), .min = 0, .max = INFINITY,
     .preset = "1", .help = "share of the draws"},
};
static const struct schema source_schema = SCHEMA("source", struct source, source_fields);
static const struct schema_field adapter_fields[] = {
    {"rank", SCHEMA_INT, offsetof(struct adapter, rank), .min = 1, .max = 1024, .preset = "16"},
    {"layers", SCHEMA_INTS, offsetof(struct adapter, layers), .min = 0, .max = 63, .preset = "[]"},
};
static const struct schema adapter_schema = SCHEMA("adapter", struct adapter, adapter_fields);
static const struct schema_field clip_fields[] = {
    {"weight", SCHEMA_DOUBLE, offsetof(struct clip, weight), .preset = "1"},
};
static const struct schema clip_schema = SCHEMA("clip", struct clip, clip_fields);
static const struct schema_field distill_fields[] = {
    {"weight", SCHEMA_DOUBLE, offsetof(struct distill, weight), .preset = "1"},
    {"temperature", SCHEMA_DOUBLE, offsetof(struct distill, temperature), .min = 0.01, .max = 100,
     .preset = "2", .help = "softens both sides"},
    {"text", SCHEMA_BOOL, offsetof(struct distill, text), .preset = "false"},
};
static const struct schema distill_schema = SCHEMA("distill", struct distill, distill_fields);
static const struct schema *const losses[] = {&clip_schema, &distill_schema, NULL};
static const struct schema_field optimiser_fields[] = {
    {"rate", SCHEMA_DOUBLE, offsetof(struct optimiser, rate), .min = 0, .max = 1,
     .preset = "0.0001"},
    {"schedule", SCHEMA_CHOICE, offsetof(struct optimiser, schedule), .choices = schedules,
     .preset = "\"cosine\""},
};
static const struct schema optimiser_schema =
    SCHEMA("optimiser", struct optimiser, optimiser_fields);
static const struct schema_field recipe_fields[] = {
    {"steps", SCHEMA_INT, offsetof(struct recipe, steps), .min = 1, .max = 1e9,
     .help = "number of updates"},
    {"name", SCHEMA_TEXT, offsetof(struct recipe, name), .preset = "\"run\""},
    {"device", SCHEMA_CHOICE, offsetof(struct recipe, device), .choices = devices,
     .preset = "\"auto\""},
    {"augment", SCHEMA_BOOL, offsetof(struct recipe, augment), .preset = "true"},
    {"optimiser", SCHEMA_OBJECT, offsetof(struct recipe, optimiser), .object = &optimiser_schema,
     .preset = "{}"},
    {"adapter", SCHEMA_OPTIONAL, offsetof(struct recipe, adapter), .object = &adapter_schema,
     .preset = "null"},
    {"templates", SCHEMA_TEXTS, offsetof(struct recipe, templates),
     .preset = "[\"a photo of {}\"]"},
    {"sources", SCHEMA_OBJECTS, offsetof(struct recipe, sources), .min = 1, .max = 100,
     .object = &source_schema, .help = "where the pairs come from"},
    {"losses", SCHEMA_VARIANTS, offsetof(struct recipe, losses), .variants = losses,
     .preset = "[{\"type\": \"clip\"}]"},
};
static const struct schema recipe_schema = SCHEMA("recipe", struct recipe, recipe_fields);

static const char full[] =
    "{\"$schema\": \"recipe.schema.json\",\n"
    " \"steps\": 1e3, \"device\": \"cpu\", \"augment\": false,\n"
    " \"optimiser\": {\"rate\": 0.1},\n"
    " \"adapter\": {\"layers\": [0, 11]},\n"
    " \"sources\": [{\"shards\": \"a.tar\"}, {\"shards\": \"b-{0..3}.tar\", \"share\": 0.5}],\n"
    " \"losses\": [{\"type\": \"clip\"}, {\"type\": \"distill\", \"text\": true}]}";

static void test_values(void) {
    struct schema_source *s = NULL;
    struct recipe r;
    struct error e = {0};
    CHECK_EQUAL(schema_parse(&s, full, "r.json", NULL, 0, &e), STATUS_OK);
    CHECK_EQUAL(schema_read(s, &recipe_schema, &r, &e), STATUS_OK);
    CHECK_EQUAL(r.steps, 1000);
    CHECK_TEXT(r.name, "run");
    CHECK_EQUAL(r.device, 1);
    CHECK_TRUE(!r.augment);
    CHECK_CLOSE(r.optimiser.rate, 0.1, 0);
    CHECK_EQUAL(r.optimiser.schedule, 0);
    CHECK_TRUE(r.adapter && r.adapter->rank == 16 && r.adapter->layers.n == 2 &&
               r.adapter->layers.item[1] == 11);
    CHECK_EQUAL(r.templates.n, 1);
    CHECK_TEXT(r.templates.item[0], "a photo of {}");
    const struct source *sources = r.sources.item;
    CHECK_EQUAL(r.sources.n, 2);
    CHECK_TEXT(sources[1].shards, "b-{0..3}.tar");
    CHECK_CLOSE(sources[0].share, 1, 0);
    CHECK_EQUAL(r.losses.n, 2);
    CHECK_TRUE(r.losses.item[0].schema == &clip_schema);
    CHECK_TRUE(r.losses.item[1].schema == &distill_schema);
    const struct distill *distill = r.losses.item[1].values;
    CHECK_CLOSE(distill->temperature, 2, 0);
    CHECK_TRUE(distill->text);
    schema_destroy(&s);
}

/* What is written holds every value and reads back as the same. */
static void test_resolved(void) {
    struct schema_source *s = NULL, *again = NULL;
    struct recipe r;
    struct json_writer once = {.indent = 2}, twice = {.indent = 2};
    CHECK_EQUAL(schema_parse(&s, full, "r.json", NULL, 0, NULL), STATUS_OK);
    CHECK_EQUAL(schema_read(s, &recipe_schema, &r, NULL), STATUS_OK);
    schema_write(&recipe_schema, &r, &once);
    CHECK_TRUE(strstr(once.text.bytes, "\"schedule\": \"cosine\""));
    CHECK_TRUE(strstr(once.text.bytes, "\"temperature\": 2"));
    CHECK_EQUAL(schema_parse(&again, once.text.bytes, "resolved", NULL, 0, NULL), STATUS_OK);
    CHECK_EQUAL(schema_read(again, &recipe_schema, &r, NULL), STATUS_OK);
    schema_write(&recipe_schema, &r, &twice);
    CHECK_TEXT(once.text.bytes, twice.text.bytes);
    schema_destroy(&s);
    schema_destroy(&again);
    text_release(&once.text);
    text_release(&twice.text);
}

static void refused(const char *text, const char *change, const char *expected) {
    struct schema_source *s = NULL;
    struct recipe r;
    struct error e = {0};
    enum status rc = schema_parse(&s, text, "r.json", &change, change != NULL, &e);
    if (rc == STATUS_OK) rc = schema_read(s, &recipe_schema, &r, &e);
    CHECK_EQUAL(rc, STATUS_BAD_ARG);
    CHECK_TEXT(e.text, expected);
    schema_destroy(&s);
}

static void test_refused(void) {
    refused("{\"steps\": 1,", NULL,
            "r.json:1:13: not JSON; expected a name in double quotes, found the end");
    refused("{\"sources\": []}", NULL, "r.json:1:1: 'steps' is missing: number of updates");
    refused("[]", NULL, "r.json:1:1: wrong kind of value; expected an object, found a list");
    refused(full, "stepps=3", "--set stepps=3: stepps: unknown key; did you mean 'steps'?");
    refused(full, "steps=0",
            "--set steps=0: steps: out of range; expected 1 to 1000000000, found 0");
    refused(full, "steps=many",
            "--set steps=many: steps: wrong kind of value; expected a number, found a text");
    refused(full, "device=vulcan",
            "--set device=vulcan: device: expected one of auto, cpu, vulkan; found 'vulcan'; did "
            "you mean 'vulkan'?");
    refused(full, "sources=[]", "--set sources=[]: sources: expected 1 to 100 items, found 0");
    refused(full, "sources.0.shards=\"\"",
            "--set sources.0.shards=\"\": sources[0].shards: expected 1 to 4096 bytes, found 0");
    refused(full, "sources[1].weight=2",
            "--set sources[1].weight=2: sources[1].weight: unknown key; expected one of shards, "
            "share");
    refused(full, "sources[1].share=-1",
            "--set sources[1].share=-1: sources[1].share: out of range; expected at least 0, "
            "found -1");
    refused(full, "losses.1.temperature=0",
            "--set losses.1.temperature=0: losses[1].temperature: out of range; expected 0.01 to "
            "100, found 0");
    refused(full, "losses.0.temperature=1",
            "--set losses.0.temperature=1: losses[0].temperature: unknown key; expected one of "
            "weight, type");
    refused(full, "losses.1.type=distil",
            "--set losses.1.type=distil: losses[1].type: expected one of clip, distill; found "
            "'distil'; did you mean 'distill'?");
    refused(full, "adapter.layers=[64]",
            "--set adapter.layers=[64]: adapter.layers[0]: out of range; expected 0 to 63, found "
            "64");
    refused(full, "steps", "--set steps: expected a.b=value");

    struct schema_source *s = NULL;
    struct error e = {0};
    CHECK_EQUAL(schema_open(&s, "/nonexistent/recipe.json", NULL, 0, &e), STATUS_BAD_ARG);
    CHECK_EQUAL(e.status, STATUS_BAD_ARG);
}

static void test_changes(void) {
    static const char *const changes[] = {"steps=5", "adapter=null", "losses.2.type=clip",
                                          "optimiser.schedule=constant"};
    struct schema_source *s = NULL;
    struct recipe r;
    struct error e = {0};
    CHECK_EQUAL(schema_parse(&s, full, "r.json", changes, 4, &e), STATUS_OK);
    CHECK_EQUAL(schema_read(s, &recipe_schema, &r, &e), STATUS_OK);
    CHECK_EQUAL(r.steps, 5);
    CHECK_TRUE(!r.adapter);
    CHECK_EQUAL(r.losses.n, 3);
    CHECK_EQUAL(r.optimiser.schedule, 1);
    CHECK_CLOSE(r.optimiser.rate, 0.1, 0);
    schema_destroy(&s);
}

static void test_json_schema(void) {
    struct json_writer w = {.indent = 2};
    struct json_document *d = NULL;
    schema_write_json_schema(&recipe_schema, &w);
    CHECK_EQUAL(json_parse(&d, w.text.bytes, w.text.n, "schema", NULL), STATUS_OK);
    const struct json *root = json_root(d), *properties = json_find(root, "properties");
    CHECK_EQUAL(properties->n, 10); /* nine fields and $schema */
    CHECK_EQUAL(json_find(root, "required")->n, 2);
    CHECK_TRUE(!json_find(root, "additionalProperties")->boolean);
    const struct json *steps = json_find(properties, "steps");
    CHECK_TEXT(json_find(steps, "type")->text, "integer");
    CHECK_EQUAL(json_find(steps, "maximum")->integer, 1000000000);
    const struct json *one_of =
        json_find(json_find(json_find(properties, "losses"), "items"), "oneOf");
    CHECK_EQUAL(one_of->n, 2);
    CHECK_EQUAL(json_find(json_find(properties, "device"), "enum")->n, 3);
    json_destroy(&d);
    text_release(&w.text);
}

/* --- A choice whose fields stand beside it --- */

struct update {
    double rate;
    struct schema_variants rule;
};
static const struct schema_field update_fields[] = {
    {"rate", SCHEMA_DOUBLE, offsetof(struct update, rate), .preset = "0.5"},
    {"rule", SCHEMA_CHOSEN, offsetof(struct update, rule), .variants = losses, .preset = "\"clip\"",
     .help = "what is done"},
};
static const struct schema update_schema = SCHEMA("update", struct update, update_fields);

static void refused_update(const char *text, const char *message) {
    struct schema_source *s = NULL;
    struct update u;
    struct error e = {0};
    CHECK_EQUAL(schema_parse(&s, text, "u.json", NULL, 0, &e), STATUS_OK);
    CHECK_EQUAL(schema_read(s, &update_schema, &u, &e), STATUS_BAD_ARG);
    CHECK_TEXT(e.text, message);
    schema_destroy(&s);
}

static void test_chosen(void) {
    struct schema_source *s = NULL;
    struct update u;
    struct error e = {0};
    CHECK_EQUAL(schema_parse(&s, "{\"weight\": 3}", "u.json", NULL, 0, &e), STATUS_OK);
    CHECK_EQUAL(schema_read(s, &update_schema, &u, &e), STATUS_OK);
    CHECK_TRUE(u.rule.n == 1 && u.rule.item->schema == &clip_schema);
    CHECK_CLOSE(((const struct clip *)u.rule.item->values)->weight, 3, 0);
    schema_destroy(&s);

    CHECK_EQUAL(schema_parse(&s, "{\"text\": true, \"rule\": \"distill\", \"rate\": 1}", "u.json",
                             NULL, 0, &e),
                STATUS_OK);
    CHECK_EQUAL(schema_read(s, &update_schema, &u, &e), STATUS_OK);
    const struct distill *values = u.rule.item->values;
    CHECK_TRUE(u.rule.item->schema == &distill_schema && values->text);
    CHECK_CLOSE(values->temperature, 2, 0);
    struct json_writer w = {0};
    schema_write(&update_schema, &u, &w);
    CHECK_TEXT(text_string(&w.text), "{\"rate\": 1, \"rule\": \"distill\", \"weight\": 1, "
                                     "\"temperature\": 2, \"text\": true}");
    text_release(&w.text);
    schema_destroy(&s);

    refused_update("{\"temperature\": 1}", "u.json:1:17: temperature: unknown key; expected one of "
                                           "rate, rule, weight, $schema");
    refused_update("{\"rule\": \"clap\"}", "u.json:1:10: rule: expected one of clip, distill; "
                                           "found 'clap'; did you mean 'clip'?");
    refused_update("{\"rule\": \"distill\", \"temperature\": 0}",
                   "u.json:1:36: temperature: out of range; expected 0.01 to 100, found 0");
    w = (struct json_writer){.indent = 2};
    schema_write_json_schema(&update_schema, &w);
    struct json_document *d = NULL;
    CHECK_EQUAL(json_parse(&d, w.text.bytes, w.text.n, "schema", NULL), STATUS_OK);
    const struct json *properties = json_find(json_root(d), "properties");
    CHECK_EQUAL(properties->n, 6); /* $schema, rate, rule, weight once, temperature, text */
    CHECK_EQUAL(json_find(json_find(properties, "rule"), "enum")->n, 2);
    json_destroy(&d);
    text_release(&w.text);
}

int main(void) {
    test_chosen();
    test_values();
    test_resolved();
    test_refused();
    test_changes();
    test_json_schema();
    return check_report();
}
