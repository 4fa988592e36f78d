/* address: hides the secrets of an address: user, password, and the query that signs it. fail()
 * calls it, so no error message can leak one. */
#ifndef PIPELINE_BASE_ADDRESS_H
#define PIPELINE_BASE_ADDRESS_H

#include <stddef.h>

/* Copies an address, or several joined by "::". User and password (all before the last @), the
 * query and the fragment become "...". In doubt more is hidden: text after a colon behind the host
 * that is not a port counts as part of a password, even with slashes in it. A text that is not an
 * address is copied unchanged. out (n) must not be `address`; what does not fit is cut off. */
void address_show(char *out, size_t n, const char *address);
/* The same for every address in a message. An address ends at white space or a quote. Hiding twice
 * changes nothing. */
void address_hide(char *out, size_t n, const char *message);

#endif
