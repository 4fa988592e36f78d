/* teacher: the plug that losses with a moving-average teacher add (plug_add). */
#ifndef PIPELINE_CONTINUAL_WEIGHTS_TEACHER_H
#define PIPELINE_CONTINUAL_WEIGHTS_TEACHER_H

#include "pipeline/continual/plug.h"

struct teacher_fields {
    struct plug_fields plug; /* its name is that of the slot */
    double momentum;
};

#endif
