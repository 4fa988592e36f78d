#include "models/vk/vk_name.h"

#include <stdlib.h>
#include <string.h>

/* Kernels with the same number of bindings share a layout: that many storage buffers and one block
 * of push constants. */
static enum status layout_get(struct vk_backend *b, int n, struct error *e) {
    enum status rc = STATUS_OK;
    VkDescriptorSetLayoutBinding bindings[KERNEL_BINDINGS_MAX];
    if (b->layout[n]) return STATUS_OK;
    for (int i = 0; i < n; i++)
        bindings[i] = (VkDescriptorSetLayoutBinding){
            .binding = (uint32_t)i,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
        };
    const VkDescriptorSetLayoutCreateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = (uint32_t)n,
        .pBindings = bindings,
    };
    const VkPushConstantRange push = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
                                      .size = KERNEL_PUSH_BYTES};
    VK_TRY(b, b->f.CreateDescriptorSetLayout(b->handle, &set, NULL, &b->set_layout[n]));
    const VkPipelineLayoutCreateInfo layout = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &b->set_layout[n],
        .pushConstantRangeCount = 1,
        .pPushConstantRanges = &push,
    };
    VK_TRY(b, b->f.CreatePipelineLayout(b->handle, &layout, NULL, &b->layout[n]));
done:
    return rc;
}

static enum status pipeline_create(struct vk_backend *b, VkPipeline *out,
                                   const struct vk_shader *shader, const struct kernel *k,
                                   struct error *e) {
    enum status rc = STATUS_OK;
    VkShaderModule module = VK_NULL_HANDLE;
    char name[VK_NAME_KERNEL];
    uint32_t values[1 + KERNEL_SPEC_MAX] = {k->threads ? k->threads : KERNEL_THREADS};
    VkSpecializationMapEntry entries[1 + KERNEL_SPEC_MAX];
    uint32_t n = 0;
    memcpy(values + 1, k->spec, sizeof k->spec);
    for (uint32_t i = 0; i < 1 + KERNEL_SPEC_MAX; i++)
        if (values[i])
            entries[n++] = (VkSpecializationMapEntry){
                .constantID = i, .offset = i * (uint32_t)sizeof *values, .size = sizeof *values};
    const VkSpecializationInfo constants = {
        .mapEntryCount = n,
        .pMapEntries = entries,
        .dataSize = sizeof values,
        .pData = values,
    };
    const VkShaderModuleCreateInfo code = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = shader->bytes,
        .pCode = shader->code,
    };
    const VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
        .requiredSubgroupSize = k->subgroup,
    };
    TRY(layout_get(b, k->n_bindings, e));
    VK_TRY(b, b->f.CreateShaderModule(b->handle, &code, NULL, &module));
    const VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .pNext = k->subgroup ? &subgroup : NULL,
                  .flags = k->subgroup
                               ? VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT
                               : 0,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &constants},
        .layout = b->layout[k->n_bindings],
    };
    vk_name_kernel(name, k);
    const VkPipelineCache cache = vk_cache_begin(b, name);
    const VkResult result = b->f.CreateComputePipelines(b->handle, cache, 1, &info, NULL, out);
    vk_cache_end(b);
    if (result != VK_SUCCESS) {
        rc = vk_backend_fail(b, result, "vkCreateComputePipelines", e);
        goto done;
    }
    vk_name_object(b, VK_OBJECT_TYPE_PIPELINE, (uint64_t)*out, name);
done:
    if (rc != STATUS_OK) error_context(e, "shader %s", shader->name);
    b->f.DestroyShaderModule(b->handle, module, NULL);
    return rc;
}

int vk_pipeline_bindings(const struct vk_shader *shader) {
    enum { HEADER_WORDS = 5, OP_DECORATE = 71, DECORATION_BINDING = 33 };
    const size_t n = shader->bytes / sizeof *shader->code;
    uint32_t bindings = 0;
    for (size_t i = HEADER_WORDS; i < n;) {
        const uint32_t *word = shader->code + i, words = word[0] >> 16;
        if ((word[0] & 0xffff) == OP_DECORATE && word[2] == DECORATION_BINDING &&
            word[3] + 1 > bindings)
            bindings = word[3] + 1;
        i += words;
        CHECK(words > 0);
    }
    return (int)bindings;
}

static bool is_same(const struct kernel *a, const struct kernel *b) {
    return !strcmp(a->shader, b->shader) && a->threads == b->threads &&
           a->subgroup == b->subgroup && !memcmp(a->spec, b->spec, sizeof a->spec);
}

enum status vk_pipeline_get(struct vk_backend *b, VkPipeline *out, const struct kernel *k,
                            struct error *e) {
    enum status rc = STATUS_OK;
    CHECK(k->n_bindings >= 0 && k->n_bindings <= KERNEL_BINDINGS_MAX);
    for (int i = 0; i < b->n_pipelines; i++)
        if (is_same(&b->pipelines[i].kernel, k)) {
            *out = b->pipelines[i].handle;
            return STATUS_OK;
        }
    const struct vk_shader *s = vk_shader_table;
    while (s->name && strcmp(s->name, k->shader)) s++;
    if (!s->name)
        return fail(e, STATUS_UNSUPPORTED, "Vulkan: the shader %s was not built", k->shader);
    CHECK(vk_pipeline_bindings(s) == k->n_bindings);
    if (b->n_pipelines % 32 == 0) {
        struct vk_pipeline *more =
            realloc(b->pipelines, sizeof *more * (size_t)(b->n_pipelines + 32));
        if (!more) return fail(e, STATUS_NO_MEMORY, "Vulkan: no memory for a pipeline");
        b->pipelines = more;
    }
    TRY(pipeline_create(b, out, s, k, e));
    b->pipelines[b->n_pipelines++] = (struct vk_pipeline){.kernel = *k, .handle = *out};
done:
    return rc;
}

void vk_pipeline_release(struct vk_backend *b) {
    for (int i = 0; i < b->n_pipelines; i++)
        b->f.DestroyPipeline(b->handle, b->pipelines[i].handle, NULL);
    free(b->pipelines);
    for (int i = 0; i <= KERNEL_BINDINGS_MAX; i++) {
        b->f.DestroyPipelineLayout(b->handle, b->layout[i], NULL);
        b->f.DestroyDescriptorSetLayout(b->handle, b->set_layout[i], NULL);
        b->layout[i] = VK_NULL_HANDLE;
        b->set_layout[i] = VK_NULL_HANDLE;
    }
    b->pipelines = NULL;
    b->n_pipelines = 0;
}
