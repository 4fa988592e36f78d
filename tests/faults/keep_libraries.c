/* Libraries stay loaded in a build with the address sanitizer: what a Vulkan driver keeps in its
 * own variables would count as leaked once the driver is gone, from a module without a name.
 * llvmpipe of Mesa 22.3 keeps 128 bytes on some processors. */
int dlclose(void *library);

int dlclose(void *library) {
    (void)library;
    return 0;
}
