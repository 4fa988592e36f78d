/* address: what may be shown of an address, which may carry a secret: as user and password, or as a
 * query that signs it. Stands below everything, so that each error passes through it. */
#ifndef PIPELINE_BASE_ADDRESS_H
#define PIPELINE_BASE_ADDRESS_H

#include <stddef.h>

/* Copies an address, or several joined by "::", with ... for user and password (all before the last
 * @) and for query and fragment. In doubt more is hidden: what follows a colon after the host and
 * is no number belongs to a password, though it may have slashes. Other texts stay as they are. out
 * (n) is not `address`; what has no room is cut off. */
void address_show(char *out, size_t n, const char *address);
/* The same for a message with addresses in it, which end at white space or a quote. What is shown
 * already stays as it is. */
void address_hide(char *out, size_t n, const char *message);

#endif
