//! What is known of an attempt at a service: what its answer tells, what was asked for, and what is guessed.

use roundelay_ledger::{Observed, Quote, TokenPrices, Tokens, Units};
use roundelay_protocol::{
    estimate::OutputTokens,
    openai::Service,
    usage::{self, Usage},
};

use super::{call::Call, flight::priced};

/// What is known of its bill. `shown` is what came of its answer.
pub(super) fn observed(
    call: &Call,
    service: Service,
    quote: Option<&Quote>,
    usage: Option<Usage>,
    shown: OutputTokens,
) -> Observed {
    let asked = &call.request.asked;
    // Characters and documents are those of the request, and images those of the answer; how long audio lasts may only be
    // guessed.
    let came = Units { images: shown.images, ..units(asked.units) };
    let is_exact = !service.hears() && quote.is_some_and(|quote| is_by_unit(quote.price.base()));
    let counted = usage.map(|usage| {
        let tokens = priced(usage);
        Tokens { units: filled(tokens.units, came), ..tokens }
    });
    let text = match asked.units.images {
        0 => shown.text.min(asked.output_max),
        images => asked.output.saturating_mul(shown.images) / images,
    };
    let spoken = shown.audio.min(asked.output_max);
    let delivered = Tokens {
        input: call.text_guess(),
        audio_input: call.heard().0,
        output: text,
        audio_output: spoken,
        units: came,
        ..Tokens::default()
    };
    let (output, audio_output) = if service == Service::Speech { (0, asked.output_max) } else { (asked.output_max, 0) };
    Observed {
        // Where only units have a price, and these are known, nothing is a guess.
        usage: counted.or_else(|| is_exact.then(|| Tokens { units: came, ..Tokens::default() })),
        delivered,
        worst: Tokens {
            input: call.demand.input_tokens,
            output,
            audio_output,
            units: units(asked.units_max),
            ..delivered
        },
        wasted: 0,
    }
}

/// The counts in the words of the ledger.
pub(super) fn units(units: usage::Units) -> Units {
    let usage::Units { images, audio_ms, characters, searches } = units;
    Units { images, audio_ms, characters, searches }
}

/// What the provider has counted, and what it does not tell.
fn filled(told: Units, came: Units) -> Units {
    let known = |told: u64, came: u64| if told > 0 { told } else { came };
    Units {
        images: known(told.images, came.images),
        audio_ms: known(told.audio_ms, came.audio_ms),
        characters: known(told.characters, came.characters),
        searches: known(told.searches, came.searches),
    }
}

/// Whether nothing is charged for tokens.
fn is_by_unit(prices: &TokenPrices) -> bool {
    let tokens = [prices.input, prices.output, prices.audio_input(), prices.audio_output(), prices.image_input()];
    tokens == [0; 5]
}
