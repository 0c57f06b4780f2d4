#include "cpu.h"
void cpu_emulate(struct vcpu *v, const struct exit *e)
{
    cpu_kill(v, e, "it touched guest-physical memory where there is nothing");
}
