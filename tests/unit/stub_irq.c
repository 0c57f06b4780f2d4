/* See stub_irq.h. */
#include <string.h>

#include "stub_irq.h"

bool stub_line[IRQ_LINES];
unsigned stub_edges[IRQ_LINES];
bool stub_merge[IRQ_LINES];
bool stub_deaf[IRQ_LINES];

void stub_irq_begin(void)
{
    memset(stub_line, 0, sizeof(stub_line));
    memset(stub_edges, 0, sizeof(stub_edges));
    memset(stub_merge, 0, sizeof(stub_merge));
    memset(stub_deaf, 0, sizeof(stub_deaf));
}

void irq_set(struct domain *d, unsigned line, bool high)
{
    (void)d;
    stub_edges[line] += high && !stub_line[line];
    stub_line[line] = high;
}

bool irq_pulse(struct domain *d, unsigned line)
{
    if (stub_merge[line])
        return false;
    irq_set(d, line, false);
    irq_set(d, line, true);
    return !stub_deaf[line];
}

bool irq_heard(struct domain *d, unsigned line)
{
    (void)d;
    return !stub_deaf[line];
}
