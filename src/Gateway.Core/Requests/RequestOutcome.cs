namespace Gateway.Core.Requests;

/// <summary>How an accepted request ended: exactly one of these each, and their counts add up to the accepted.</summary>
public enum RequestOutcome
{
    Succeeded,

    /// <summary>The model's run failed.</summary>
    Failed,

    /// <summary>Refused after it was accepted: the model is going away, or it wanted what the cache has not.</summary>
    Rejected,

    /// <summary>Its caller gave up.</summary>
    Cancelled,

    /// <summary>Its time-out or deadline passed while it waited.</summary>
    Expired,
}
