/* retention: measures what a stream of stages taught a model and what it forgot.
 *
 * A table of scores (accuracy or recall, higher is better) with a row per moment and a column per
 * domain. Gives gains and losses per domain, and the published measures of MTIL and
 * FoMo-in-Flux. */
#ifndef PIPELINE_EVAL_RETENTION_H
#define PIPELINE_EVAL_RETENTION_H

#include <stdint.h>

/* Row 0: before the first stage; row s: after stage s. */
struct retention_table {
    const double *score;  /* (n_stages + 1, n_domains) */
    const int *taught_in; /* (n_domains) the stage that trains on it, from 1; 0: none */
    int n_stages, n_domains;
    /* (n_domains) if several stages train on a domain, as in a stream that mixes all domains: the
     * first of them; taught_in is then the last. NULL: always one stage */
    const int *taught_from;
};

/* Of one domain, or the mean of several. */
struct retention {
    /* Score after its (last) stage minus score before its (first) stage; 0 when no stage trains on
     * the domain. */
    double gained;
    /* Score after its last stage (at the start, when none trains on it) minus score at the end.
     * Negative: later stages helped. */
    double forgotten;
    /* Score at the end as a share of that same score; 1 when there was nothing to lose. */
    double retained;
};

struct retention retention_domain(const struct retention_table *t, int domain);

/* Means: gained over domains that a stage trains on; forgotten and retained over domains with a
 * later stage in which to forget (all but the last stage's). Without such domains 0, 0 and 1. */
struct retention retention_mean(const struct retention_table *t);

/* accuracy (n, n): row t after training on task t, column i measured on task i, both from 0.
 *   transfer    mean over i >= 1 of the mean over t < i of accuracy[t][i]; the matrix has no row
 *               for the untrained model
 *   average     mean of all entries
 *   last        mean of the last row
 *   backward    mean over i < n - 1 of accuracy[n-1][i] - accuracy[i][i] (BWT)
 *   forgetting  mean over i < n - 1 of max over t < n - 1 of accuracy[t][i], - accuracy[n-1][i]
 * With one task transfer, backward and forgetting are 0.
 * Source: Zheng et al. 2023 (ZSCL), mtil/results.ipynb; Lopez-Paz and Ranzato 2017; Chaudhry et
 * al. 2018. */
struct retention_mtil {
    double transfer, average, last, backward, forgetting;
};
struct retention_mtil retention_mtil(const double *accuracy, int n);

/* The measures of FoMo-in-Flux at one moment, from one number per set: accuracy for classification,
 * recall@5 for retrieval.
 *   accumulated  KA, the mean over sets that a stage trains on
 *   zero_shot    ZS, the mean over the others
 *   both         GM = sqrt(KA ZS)
 * NaN where there is no such set.
 * Source: Roth et al. 2024 (A Practitioner's Guide to Continual Multimodal Pretraining). */
struct retention_flux {
    double accumulated, zero_shot, both;
};
struct retention_flux retention_flux(const double *score, const int *taught_in, int n);

#endif
