using Gateway.Core.Requests;

namespace Gateway.Server.Calls;

/// <summary>A call's request while the engine has it: whoever answers it hands the call over, once, whatever cancels it meanwhile.</summary>
/// <remarks>
/// <b>Threading</b>: any thread. A cancellation that is under way when the answer comes takes the handing over upon itself: until then the request must not become
/// someone else's.
/// </remarks>
internal abstract class RequestFlight : IAnswerReceiver
{
    private const int Idle = 0;
    private const int InFlight = 1;
    private const int Cancelling = 2;
    private const int AnsweredMeanwhile = 3;

    private int _state;

    /// <summary>The request, of a call for an inference, until its answer is written.</summary>
    public InferenceRequest? Request { get; set; }

    /// <summary>From here the request may be answered, and cancelled.</summary>
    public void BeginFlight() => Volatile.Write(ref _state, InFlight);

    /// <summary>The request was not accepted after all; nobody cancels it any more once this returns.</summary>
    /// <returns>False when it has been answered, and handed over, in spite of whatever went wrong: it is somebody else's.</returns>
    public bool EndFlight()
    {
        SpinWait spin = default;
        while (true)
        {
            int state = Interlocked.CompareExchange(ref _state, Idle, InFlight);
            if (state is InFlight or Idle) return state == InFlight;

            // A cancellation is under way, which will not take long.
            spin.SpinOnce();
        }
    }

    /// <summary>Gives the request up, if it is in flight.</summary>
    public virtual void Cancel()
    {
        if (Interlocked.CompareExchange(ref _state, Cancelling, InFlight) != InFlight) return;
        Request!.Cancel();
        if (Interlocked.CompareExchange(ref _state, InFlight, Cancelling) == Cancelling) return;
        Land();
    }

    public void OnAnswered(InferenceRequest request)
    {
        if (Interlocked.CompareExchange(ref _state, Idle, InFlight) == InFlight) HandOver();
        else if (Interlocked.CompareExchange(ref _state, AnsweredMeanwhile, Cancelling) == InFlight) OnAnswered(request);
    }

    /// <summary>Gives the answered call to whoever writes its answer; must not block or throw.</summary>
    protected abstract void HandOver();

    private void Land()
    {
        Volatile.Write(ref _state, Idle);
        HandOver();
    }
}
