namespace Gateway.Client.Calls;

/// <summary>How an attempt ended: with an answer of the call's kind, or a failure.</summary>
internal readonly record struct CallResult(Answer Answer, CallFailure? Failure);
