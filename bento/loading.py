"""From a bundle to a champion that answers: every file checked, the model tried on an example."""

from __future__ import annotations

import io
import logging
from contextlib import ExitStack
from typing import Any

from bento.answers import answer_model
from bento.batches import batch_reader
from bento.bodies import actuals_body, predict_body
from bento.champion import Champion, type_words
from bento.trial import tried
from pipeline.case import Case
from pipeline.compiled import Compiled
from pipeline.models import load_model
from pipeline.packaging.bundles import Bundle
from pipeline.packaging.contents import upload_field
from pipeline.packaging.settings import Settings
from pipeline.schema import Schema
from pipeline.trends import Observations
from pipeline.trends.answers import OpenObservations

logger = logging.getLogger("vigie")


def load_champion(bundle: Bundle, case: Case, settings: Settings) -> Champion:
    """Checks every file by digest and tries the model on an example, which also warms it; raises
    `ServiceError` for anything that isn't as the card says.
    """
    import pyarrow.parquet as pq

    history = pq.read_table(io.BytesIO(bundle.history_bytes())).to_pandas()
    model = load_model(bundle.model_bytes())
    words = type_words(case.name)
    record = case.task.request_model(case.schema, f"{words}Record")
    upload = upload_field(record)
    fields = {f.name: f for f in case.schema.arrow() if f.name in record.model_fields}
    files = ExitStack()
    champion = Champion(
        case=case,
        card=bundle.card,
        calibrations={each.level: each for each in bundle.calibrations()},
        model=model,
        compiled=_compiled(model, case.name),
        lookup=case.task.lookup(history, case.schema),
        body=predict_body(record, f"{words}Request", settings, bundle.card.levels, upload),
        truths=actuals_body(record, case.schema, f"{words}Truths", settings),
        reply=answer_model(case.task.answer_model(f"{words}Prediction"), f"{words}Answer"),
        observations=_opened(bundle, case.schema, files),
        files=files,
        fields=fields,
        upload=upload,
        batches=None if upload else batch_reader(record, fields, most=settings.most_records),
    )
    return tried(champion)


def _opened(bundle: Bundle, schema: Schema, stack: ExitStack) -> OpenObservations:
    """Open for as long as the champion is there: questions of several threads share it."""
    observations = Observations(files=[bundle.observations_path()], schema=schema)
    return stack.enter_context(observations.opened())


def _compiled(model: Any, case: str) -> Compiled | None:
    try:
        return Compiled(model)
    except Exception as error:  # noqa: BLE001  whatever it is, pandas answers
        logger.debug("Case %r is answered through pandas: %s", case, error)
        return None
