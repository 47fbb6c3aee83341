using Gateway.Core.Requests;

namespace Gateway.TestSupport;

/// <summary>A request on its way through a <see cref="TestModel"/>.</summary>
public sealed class Sent
{
    // Answers come within microseconds of what brings them; this only keeps a lost request from hanging the tests.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Task<Answer> _answer;

    internal Sent(InferenceRequest request, Task<Answer> answer)
    {
        Request = request;
        _answer = answer;
    }

    /// <summary>The request; not to be touched once it is answered.</summary>
    public InferenceRequest Request { get; }

    /// <summary>Whether the batcher has handed it back.</summary>
    public bool IsAnswered => _answer.IsCompleted;

    public Task<Answer> AnswerAsync() => _answer.WaitAsync(Patience);

    public void Cancel() => Request.Cancel();
}
