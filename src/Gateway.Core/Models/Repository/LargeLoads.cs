using Gateway.Protocol;

namespace Gateway.Core.Models.Repository;

/// <summary>Bounds how many load requests that bring files are there at a time: what they bring is on the managed heap, where no ceiling holds, until the model is loaded.</summary>
/// <remarks><b>Threading</b>: any.</remarks>
public sealed class LargeLoads
{
    /// <summary>One that loads and one that comes: loads of a model take turns.</summary>
    public const int Most = 2;

    /// <summary>Bytes beyond which a request is large.</summary>
    public const long FromBytes = 4L << 20;

    private int _count;

    /// <summary>Takes one in; <see cref="Leave"/> must follow.</summary>
    /// <exception cref="InferenceException">There are as many as may be.</exception>
    public void Enter()
    {
        if (Interlocked.Increment(ref _count) <= Most) return;
        Leave();
        throw new InferenceException(StatusCode.Unavailable, $"{Most} load requests with files are under way: try again when one of them is over");
    }

    public void Leave() => Interlocked.Decrement(ref _count);
}
