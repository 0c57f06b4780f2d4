/*
 * XenStore's answers, as messages. Source: xen/io/xs_wire.h.
 */
#include "errno.h"

#include "xenstore.h"

#include <string.h>

bool store_answer(struct xenstore *s, const struct xsd_sockmsg *to, u32 type, const void *body,
                  u32 len)
{
    struct xsd_sockmsg head = {.type = type, .req_id = to->req_id, .tx_id = to->tx_id, .len = len};

    if (len > XENSTORE_PAYLOAD_MAX || sizeof(head) + len > STORE_OUT_BYTES - s->out_length)
        return false;
    memcpy(s->out + s->out_length, &head, sizeof(head));
    memcpy(s->out + s->out_length + sizeof(head), body, len);
    s->out_length += (u32)sizeof(head) + len;
    return true;
}

/* The error's name, with its end. */
void store_error(struct xenstore *s, const struct xsd_sockmsg *to, int error)
{
    const char *name = xsd_errors[0].errstring;

    for (unsigned i = 0; i < sizeof(xsd_errors) / sizeof(xsd_errors[0]); i++)
        if (xsd_errors[i].errnum == -error)
            name = xsd_errors[i].errstring;
    store_answer(s, to, XS_ERROR, name, (u32)strlen(name) + 1);
}
