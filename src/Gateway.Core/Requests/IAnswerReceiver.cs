namespace Gateway.Core.Requests;

/// <summary>Gets a request back when it has been answered, instead of awaiting it.</summary>
/// <remarks>
/// For endpoints that carry many requests on one connection: an await costs each a hop to the thread pool, and a batch of 64 answers 64 of them.
/// </remarks>
public interface IAnswerReceiver
{
    /// <summary>The request is its endpoint's again.</summary>
    /// <remarks>
    /// Called on the thread that answers, which is an instance's, with others' answers waiting behind: it must not block, throw, or do more than note the request down.
    /// It may be called before <see cref="Models.ServedModel.Infer"/> returns.
    /// </remarks>
    void OnAnswered(InferenceRequest request);
}
