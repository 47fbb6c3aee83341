namespace Gateway.Core.Scheduling;

/// <summary>Why a batch was closed with the rows that it has.</summary>
public enum CloseReason
{
    /// <summary>It has as many rows as one batch may have, or the next request does not fit any more.</summary>
    Full,

    /// <summary>It has one of the model's preferred sizes.</summary>
    Preferred,

    /// <summary>Its oldest request has waited as long as the model allows.</summary>
    DelayExpired,

    /// <summary>The model does not wait for company: all that was queued and fits together was taken.</summary>
    Immediate,

    /// <summary>The model is draining: nothing is waited for.</summary>
    Draining,
}
