(define (problem three) (:domain blocksworld-4ops) (:objects a b c)
(:init (handempty) (ontable a) (on c a) (ontable b) (clear b) (clear c))
(:goal (and (on a b) (on b c))))
