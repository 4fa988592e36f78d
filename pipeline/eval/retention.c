#include "pipeline/eval/retention.h"

#include <math.h>

static double score_at(const struct retention_table *t, int stage, int domain) {
    return t->score[stage * t->n_domains + domain];
}

struct retention retention_domain(const struct retention_table *t, int domain) {
    const int stage = t->taught_in[domain];
    const int first = t->taught_from ? t->taught_from[domain] : stage;
    const double known = score_at(t, stage, domain), end = score_at(t, t->n_stages, domain);
    return (struct retention){
        .gained = stage > 0 ? known - score_at(t, first - 1, domain) : 0,
        .forgotten = known - end,
        .retained = known > 0 ? end / known : 1,
    };
}

struct retention retention_mean(const struct retention_table *t) {
    struct retention mean = {.gained = 0, .forgotten = 0, .retained = 0};
    int n_taught = 0, n_exposed = 0;
    for (int i = 0; i < t->n_domains; i++) {
        const struct retention r = retention_domain(t, i);
        if (t->taught_in[i] > 0) {
            mean.gained += r.gained;
            n_taught++;
        }
        if (t->taught_in[i] < t->n_stages) {
            mean.forgotten += r.forgotten;
            mean.retained += r.retained;
            n_exposed++;
        }
    }
    if (n_taught) mean.gained /= n_taught;
    mean.forgotten = n_exposed ? mean.forgotten / n_exposed : 0;
    mean.retained = n_exposed ? mean.retained / n_exposed : 1;
    return mean;
}

struct retention_mtil retention_mtil(const double *accuracy, int n) {
    struct retention_mtil m = {.transfer = 0};
    for (int i = 0; i < n; i++) {
        const double end = accuracy[(n - 1) * n + i];
        double before = 0, best = accuracy[i];
        for (int t = 0; t < n; t++) {
            const double a = accuracy[t * n + i];
            m.average += a;
            if (t < i) before += a;
            if (t < n - 1 && a > best) best = a;
        }
        m.last += end;
        if (i > 0) m.transfer += before / i;
        if (i == n - 1) continue;
        m.backward += end - accuracy[i * n + i];
        m.forgetting += best - end;
    }
    m.average /= (double)n * n;
    m.last /= n;
    if (n > 1) {
        m.transfer /= n - 1;
        m.backward /= n - 1;
        m.forgetting /= n - 1;
    }
    return m;
}

struct retention_flux retention_flux(const double *score, const int *taught_in, int n) {
    double sum[2] = {0, 0};
    int count[2] = {0, 0};
    for (int i = 0; i < n; i++) {
        sum[taught_in[i] > 0] += score[i];
        count[taught_in[i] > 0]++;
    }
    struct retention_flux f = {.accumulated = count[1] ? sum[1] / count[1] : (double)NAN,
                               .zero_shot = count[0] ? sum[0] / count[0] : (double)NAN};
    f.both = sqrt(f.accumulated * f.zero_shot);
    return f;
}
