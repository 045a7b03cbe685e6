#include "net/impair_loss.h"

void loss_init(struct loss *loss, const struct draw_owner *owner)
{
    *loss = (struct loss){
        .key = draw_key(owner, DRAW_LOSS),
        .state_key = draw_key(owner, DRAW_LOSS_STATE),
    };
    draws_init(&loss->random.draws, owner, DRAW_LOSS, DRAW_LOSS_KEEP);
}

bool impair_loss_is_any(const struct impair_loss *loss)
{
    switch (loss->model) {
    case IMPAIR_LOSS_GEMODEL:
        return loss->gemodel.p || loss->gemodel.good_loss_ppb;
    case IMPAIR_LOSS_STATE:
        return loss->state.p13 || loss->state.p14;
    default:
        return loss->random.ppb;
    }
}

void loss_set(struct loss *loss, const struct impair_loss *settings)
{
    bool active = impair_loss_is_any(settings);

    if (!active || loss->model != settings->model)
        loss->place = LOSS_GOOD;
    if (loss->limit != settings->limit)
        loss->lost = 0;
    loss->limit = settings->limit;
    loss->active = active;
    loss->model = settings->model;
    chance_set(&loss->random, settings->random.ppb, settings->random.correlation_ppb);
    loss->p = random_threshold(settings->gemodel.p);
    loss->r = random_threshold(settings->gemodel.r);
    loss->bad_loss = random_threshold(settings->gemodel.bad_loss_ppb);
    loss->good_loss = random_threshold(settings->gemodel.good_loss_ppb);
    loss->p13 = random_threshold(settings->state.p13);
    loss->p31 = random_threshold(settings->state.p31);
    loss->p32 = random_threshold(settings->state.p32);
    loss->p23 = random_threshold(settings->state.p23);
    loss->p14 = random_threshold(settings->state.p14);
}

/* As in netem, the loss is that of the state before the move. */
static bool gemodel_next(struct loss *loss, uint64_t n)
{
    bool bad = loss->place == LOSS_BAD;

    if (random_chance(random_at(loss->state_key, n), bad ? loss->r : loss->p))
        loss->place = bad ? LOSS_GOOD : LOSS_BAD;
    return random_chance(random_at(loss->key, n), bad ? loss->bad_loss : loss->good_loss);
}

/* The move comes first here, and the new state decides. */
static bool state_next(struct loss *loss, uint64_t n)
{
    uint64_t draw = random_at(loss->state_key, n);

    switch (loss->place) {
    case LOSS_GOOD:
        if (random_chance(draw, loss->p14))
            loss->place = LOSS_ALONE;
        else if (random_chance(draw, loss->p14 + loss->p13))
            loss->place = LOSS_BAD;
        break;
    case LOSS_BURST_GOOD:
        if (random_chance(draw, loss->p23))
            loss->place = LOSS_BAD;
        break;
    case LOSS_BAD:
        if (random_chance(draw, loss->p32))
            loss->place = LOSS_BURST_GOOD;
        else if (random_chance(draw, loss->p32 + loss->p31))
            loss->place = LOSS_GOOD;
        break;
    case LOSS_ALONE:
        loss->place = LOSS_GOOD;
        break;
    }
    return loss->place == LOSS_BAD || loss->place == LOSS_ALONE;
}

static bool model_next(struct loss *loss, uint64_t n)
{
    switch (loss->model) {
    case IMPAIR_LOSS_GEMODEL:
        return gemodel_next(loss, n);
    case IMPAIR_LOSS_STATE:
        return state_next(loss, n);
    default:
        return chance_next(&loss->random, n);
    }
}

bool loss_next_active(struct loss *loss, uint64_t n)
{
    if (!model_next(loss, n) || (loss->limit && loss->lost >= loss->limit))
        return false;
    loss->lost++;
    return true;
}
