"""The mistakes that an agreement folder can have: of shape, of reference, of sense. Pure; all are found in one go."""

from contracts.agreements.mistakes.mistake import Mistake, WrongAgreement

__all__ = ["Mistake", "WrongAgreement"]
