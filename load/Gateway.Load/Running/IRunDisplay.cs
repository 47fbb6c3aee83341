namespace Gateway.Load.Running;

/// <summary>Shows a run while it is under way.</summary>
internal interface IRunDisplay
{
    /// <summary>Says one line.</summary>
    void Say(string text);

    /// <summary>Runs <paramref name="watch"/>, which gives where all scenarios stand, again and again.</summary>
    void Show(Action<Action<IReadOnlyList<RunProgress>>> watch);
}
