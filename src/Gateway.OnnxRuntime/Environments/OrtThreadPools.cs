namespace Gateway.OnnxRuntime.Environments;

/// <summary>Sizes of the thread pools that sessions share when they are told to use no threads of their own.</summary>
/// <param name="IntraOpThreads">Threads that work on one operator, the caller's included; 0 is one for each physical core.</param>
/// <param name="InterOpThreads">Threads that run operators side by side, for parallel execution; 0 is one for each physical core.</param>
/// <param name="Spinning">Whether an idle thread spins for a while before it sleeps: quicker into the next run, at the price of a core.</param>
public sealed record OrtThreadPools(int IntraOpThreads = 0, int InterOpThreads = 1, bool Spinning = false);
