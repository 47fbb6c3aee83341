using System.Threading.Channels;
using Gateway.Core.Execution;
using Gateway.Core.Memory;
using Gateway.Core.Models;

namespace Gateway.TestSupport;

/// <summary>Where the puppets of one model act: a test waits here for the next batch that any of them was given.</summary>
public sealed class PuppetStage
{
    // A batch arrives within microseconds; this only keeps a broken scheduler from hanging the tests.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Channel<PuppetRun> _runs = Channel.CreateUnbounded<PuppetRun>();

    /// <summary>Runs that have begun and that no test has asked for yet.</summary>
    public int Waiting => _runs.Reader.Count;

    /// <summary>Instances that were told to cut their run short.</summary>
    public int Terminations { get; internal set; }

    /// <summary>Whether runs go on that were told to end.</summary>
    public bool IgnoresTermination { get; set; }

    /// <summary>Makes an instance.</summary>
    public IModelExecutor CreateExecutor(ModelLayout layout, BlockPool pool, TimeProvider time) => new PuppetExecutor(this, layout, pool, time);

    /// <summary>The next batch that has reached an instance.</summary>
    public Task<PuppetRun> NextAsync() => _runs.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    internal void Enter(PuppetRun run) => _runs.Writer.TryWrite(run);
}
